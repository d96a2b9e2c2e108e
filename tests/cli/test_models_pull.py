"""``routelmt models pull``: weights from a hub, whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hub_server import FILE, REPO, TOKEN, Hub, serve
from made_gguf import gguf

pytest.importorskip("huggingface_hub", reason="pip install '.[hub]'")

CONTENT = gguf() + bytes(range(256)) * 64
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CARD = """\
name = "tiny"
[weights]
repo = "{repo}"
file = "{file}"
revision = "{revision}"
{more}
[price]
usd_per_million_tokens = {{ input = 0, output = 0 }}
[prompt]
kind = "completion"
template = "{{source}}{{target}}"
"""


@pytest.fixture
def hub(shell):
    """A hub that the shell is told of, without a token."""
    with serve(Hub(CONTENT)) as served:
        shell.environment |= {
            "HF_ENDPOINT": served.url,
            "NO_PROXY": "127.0.0.1",
            "HF_TOKEN": "",
            "HF_HOME": str(shell.folder / "no-hub-home"),
        }
        yield served


@pytest.fixture
def write(shell):
    """Write ``tiny.toml``, pullable unless changed."""

    def make(repo=REPO, file=FILE, revision="main", more=""):
        text = CARD.format(repo=repo, file=file, revision=revision, more=more)
        (shell.folder / "tiny.toml").write_text(text)

    make()
    return make


def weights_in(shell):
    return [path for path in Path(shell.cache).rglob("*") if path.suffix in (".gguf", ".partial")]


def test_weights_are_fetched_once_and_verified(shell, hub, write):
    first = shell.run("models", "pull", "tiny.toml")
    assert first.code == 0, first.stderr
    (path,) = weights_in(shell)
    assert path.read_bytes() == CONTENT
    assert first.text == f"tiny: {path}\nsha256 {SHA256} (its card names none)\n"
    assert first.stderr == ""
    asked = len(hub.ranges)
    again = json.loads(shell.run("models", "pull", "tiny.toml", "--json").text)
    assert (again["weights"], again["sha256"]) == (str(path), SHA256)
    assert (again["fetched"], again["compared"]) == (False, False)
    assert len(hub.ranges) == asked
    assert shell.run("models", "check", "tiny.toml").code == 0


def test_a_card_with_a_checksum_needs_no_hub_for_what_is_there(shell, hub, write):
    write(more=f'sha256 = "{SHA256}"')
    first = shell.run("models", "pull", "tiny.toml")
    assert first.text.endswith(f"sha256 {SHA256} (as its card says)\n")
    hub.asked.clear()
    assert shell.run("models", "pull", "tiny.toml").code == 0
    assert hub.asked == []


def test_what_is_not_pulled_is_said_with_the_command(shell, write, fails):
    error, hint = fails("models", "check", "tiny.toml")
    assert error == "error: the weights of 'tiny' are not here yet"
    assert hint == "hint: routelmt models pull tiny.toml"


@pytest.fixture
def small_chunks(monkeypatch):
    """Let a download keep what arrives at once, and not wait between its tries."""
    from huggingface_hub import constants, file_download

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    monkeypatch.setattr(file_download.time, "sleep", lambda _: None)


def test_a_connection_that_is_cut_off_is_resumed(shell, hub, write, small_chunks):
    hub.cuts = [5000, 3000]
    result = shell.run("models", "pull", "tiny.toml")
    assert (result.code, result.stderr) == (0, "")
    first, second, third = hub.ranges
    assert first is None
    assert 0 < int(second[6:-1]) <= 5000 < int(third[6:-1]) <= 8000
    assert weights_in(shell)[0].read_bytes() == CONTENT


def test_what_arrived_before_the_connection_was_lost_for_good_is_kept(
    shell, hub, write, small_chunks, fails
):
    hub.cuts = [5000] + [0] * 20
    error, hint = fails("models", "pull", "tiny.toml", code=4)
    assert f"{REPO}: {FILE} at main: the connection to {hub.url} failed" in error
    assert "what has arrived is kept" in hint
    (partial,) = weights_in(shell)
    have = partial.stat().st_size
    assert 0 < have <= 5000 and partial.suffix == ".partial"
    hub.cuts, before = [], len(hub.ranges)
    result = shell.run("models", "pull", "tiny.toml")
    assert result.code == 0
    assert result.stderr.startswith("continuing at ")
    assert hub.ranges[before:] == [f"bytes={have}-"]
    assert [path.read_bytes() for path in weights_in(shell)] == [CONTENT]


def test_a_pull_that_is_interrupted_goes_on(shell, write):
    # Longer than what huggingface_hub writes at once.
    with serve(Hub(CONTENT + bytes(24 << 20), stands_still=True)) as hub:
        shell.environment |= {"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1"}
        with shell.start("models", "pull", "tiny.toml") as process:
            assert hub.half_is_sent.wait(30)
            while not any(path.stat().st_size for path in weights_in(shell)):
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert err.startswith(b"stopped; ") and b"Traceback" not in err
        assert shell.run("models", "pull", "tiny.toml").code == 0
        assert int(hub.ranges[-1][6:-1]) >= 1 << 20
        assert [path.read_bytes() for path in weights_in(shell)] == [hub.content]


def test_a_damaged_download_gets_no_name(shell, hub, write, fails):
    hub.announced = "0" * 64
    error, hint = fails("models", "pull", "tiny.toml", code=4)
    assert f"SHA-256 of {FILE} is {SHA256} as it arrived, it should be {'0' * 64}" in error
    assert hint == "hint: what arrived is removed: run the same command again"
    assert weights_in(shell) == []


def test_another_file_than_the_cards_is_not_fetched(shell, hub, write, fails):
    write(more=f'sha256 = "{"1" * 64}"')
    error, _ = fails("models", "pull", "tiny.toml")
    assert f"is {SHA256} at the hub, but the card of 'tiny' says {'1' * 64}" in error
    assert hub.ranges == []


def test_a_hub_without_checksums_is_said(shell, hub, write):
    hub.announced = None
    result = shell.run("models", "pull", "tiny.toml")
    assert result.code == 0
    assert "neither the card nor the hub names a SHA-256" in result.stderr
    assert shell.run("models", "pull", "tiny.toml", "--quiet").stderr == ""


UNKNOWN = {
    "repository": ({"repo": "owner/none"}, "owner/none: the hub shows no such repository to you"),
    "revision": ({"revision": "v2"}, f"{REPO}: there is no revision v2"),
    "file": ({"file": "none.gguf"}, f"{REPO}: none.gguf at main: there is no such file"),
}


@pytest.mark.parametrize(("changed", "message"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_the_hub_does_not_have(shell, hub, write, fails, changed, message):
    write(**changed)
    error, hint = fails("models", "pull", "tiny.toml")
    assert error == f"error: {message}"
    assert "correct [weights] in tiny.toml" in hint


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository_needs_a_token_that_is_kept_nowhere(shell, hub, write, fails, status):
    hub.gate, hub.error_code = status, "GatedRepo"
    error, hint = fails("models", "pull", "tiny.toml")
    assert error == f"error: {REPO} is gated: its authors want their terms accepted first"
    assert f"accept them at {hub.url}/{REPO}, then set HF_TOKEN" in hint
    shell.environment["HF_TOKEN"] = TOKEN
    result = shell.run("models", "pull", "tiny.toml")
    assert result.code == 0
    assert TOKEN not in result.text + result.stderr
    assert TOKEN in (hub.asked[-2][3] or "")
    assert hub.asked[-1][3] is None  # the storage is not the hub
    kept = [path for folder in (shell.folder, Path(shell.cache)) for path in folder.rglob("*")]
    assert not any(TOKEN.encode() in path.read_bytes() for path in kept if path.is_file())


def test_a_wrong_token_is_refused_without_being_shown(shell, hub, write, fails):
    hub.gate = 403
    shell.environment["HF_TOKEN"] = "hf_another"
    error, hint = fails("models", "pull", "tiny.toml")
    assert "the hub refuses it (HTTP 403)" in error
    assert "HF_TOKEN" in hint and "hf_another" not in error + hint


def test_a_hub_that_is_out_of_order(shell, hub, write, fails):
    hub.broken = 503
    error, _ = fails("models", "pull", "tiny.toml", code=4)
    assert error.endswith("the hub answers HTTP 503")


def test_a_hub_that_is_not_there(shell, write, fails):
    with serve(Hub(CONTENT)) as gone:
        pass
    shell.environment |= {"HF_ENDPOINT": gone.url, "NO_PROXY": "127.0.0.1"}
    error, _ = fails("models", "pull", "tiny.toml", code=4)
    assert f"the connection to {gone.url} failed" in error


def test_a_full_disk(shell, hub, write, fails, monkeypatch):
    from routelmt_cli.translators import hub as pulling

    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda _: type("Disk", (), {"free": 10}))
    error, hint = fails("models", "pull", "tiny.toml", code=4)
    assert "cannot be written: 0 MB needed, 0 MB free" in error
    assert "ROUTELMT_CACHE" in hint


def test_the_package_that_is_missing_is_named(shell, hub, write, fails, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    error, hint = fails("models", "pull", "tiny.toml")
    assert "needs the package huggingface_hub" in error
    assert hint == "hint: pip install 'routelmt[hub]'"


def test_only_cards_of_the_hub_are_pulled(shell, fails):
    error, hint = fails("models", "pull", "smollm2-135m")
    assert "the weights of 'smollm2-135m' do not come from the hub" in error
    assert "'repo' and 'file'" in hint


def test_a_bar_is_drawn_on_a_terminal(shell, hub, write):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "routelmt_cli", "models", "pull", "tiny.toml"]
    with subprocess.Popen(
        command, cwd=shell.folder, env=shell.environment, stderr=theirs, stdout=subprocess.PIPE
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # what a terminal says at its end
            while part := os.read(ours, 1 << 16):
                shown += part
    os.close(ours)
    assert process.returncode == 0
    assert b"100%" in shown
