"""Bundles come back as they were saved, appear whole, and name what is wrong with them."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.bundle import bundle_files, load_bundle, save_bundle
from routelmt_cli.gain.metadata import ModelIdentity


@pytest.fixture
def bundle(calibration, tmp_path):
    path = tmp_path / "es-en.router"
    save_bundle(calibration.router, path)
    return path


def edit(path, change):
    file = path / "router.json"
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def refused(path):
    with pytest.raises(UsageError) as caught:
        load_bundle(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_a_bundle_comes_back_as_it_was(bundle, calibration, made_up):
    loaded = load_bundle(bundle)
    assert loaded.metadata == calibration.router.metadata
    assert loaded.fingerprint == calibration.router.fingerprint
    table = made_up(10, seed=2).table
    ours, theirs = loaded.predict(table), calibration.router.predict(table)
    np.testing.assert_array_equal(ours.gain, theirs.gain)
    np.testing.assert_array_equal(ours.retranslation_tokens, theirs.retranslation_tokens)
    assert {entry.name for entry in bundle.iterdir()} == set(bundle_files(loaded))
    assert [entry.name for entry in bundle.parent.iterdir()] == [bundle.name]


def test_a_router_without_pieces(calibration, tmp_path, made_up):
    router = replace(calibration.router, pieces=None)
    save_bundle(router, tmp_path / "r")
    loaded = load_bundle(tmp_path / "r")
    assert loaded.pieces is None
    assert np.isfinite(loaded.predict(made_up(3).table).gain).all()


def test_an_existing_bundle_is_replaced_only_when_asked(bundle, calibration):
    other = replace(calibration.router, offset=calibration.router.offset + 1)
    with pytest.raises(UsageError, match="exists"):
        save_bundle(other, bundle)
    assert load_bundle(bundle).offset == calibration.router.offset
    save_bundle(other, bundle, overwrite=True)
    assert load_bundle(bundle).offset == other.offset
    assert [entry.name for entry in bundle.parent.iterdir()] == [bundle.name]


def test_what_is_no_bundle_is_never_replaced(calibration, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    for name in ("thesis", "file", "link"):
        with pytest.raises(UsageError, match="no router bundle"):
            save_bundle(calibration.router, tmp_path / name, overwrite=True)
    assert (tmp_path / "thesis" / "chapter.txt").exists()


def test_a_folder_that_is_not_there(calibration, tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        save_bundle(calibration.router, tmp_path / "no" / "such.router")
    assert "does not exist" in refused(tmp_path / "none.router")
    (tmp_path / "file").write_text("x")
    assert "is not a folder" in refused(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "router.json" in refused(tmp_path / "empty")


def test_damage_is_found_by_hash(bundle):
    file = bundle / "gain-1.txt"
    file.write_bytes(file.read_bytes().replace(b"1", b"2", 1))
    assert "gain-1.txt" in refused(bundle)
    file.unlink()
    assert "gain-1.txt" in refused(bundle)


def test_a_pickle_is_refused_and_never_loaded(bundle):
    class Boom:
        def __reduce__(self):
            return (os.abort, ())

    (bundle / "model.pkl").write_bytes(pickle.dumps(Boom()))
    assert "model.pkl" in refused(bundle)


def test_words_for_people_may_lie_beside(bundle):
    (bundle / "README.md").write_text("# es-en")
    load_bundle(bundle)


def test_links_and_pipes_are_not_followed(bundle, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes((bundle / "gain-0.txt").read_bytes())
    (bundle / "gain-0.txt").unlink()
    (bundle / "gain-0.txt").symlink_to(secret)
    assert "gain-0.txt" in refused(bundle)
    (bundle / "gain-0.txt").unlink()
    os.mkfifo(bundle / "gain-0.txt")
    assert "gain-0.txt" in refused(bundle)


def test_too_large_files_are_not_read(bundle):
    with (bundle / "source.spm.model").open("r+b") as file:
        file.truncate(64 << 20)
    assert "larger" in refused(bundle)
    with (bundle / "router.json").open("r+b") as file:
        file.truncate(2 << 20)
    assert "larger" in refused(bundle)


def test_later_versions_are_named(bundle):
    edit(bundle, lambda value: value["metadata"].update(format_version=99))
    assert "later routelmt" in refused(bundle)
    edit(bundle, lambda value: value["metadata"].update(format_version=1, schema_version=7))
    assert "schema_version is 7" in refused(bundle)


CHANGES = {
    "no format": lambda value: value.pop("format"),
    "unknown part": lambda value: value.update(extra=1),
    "path in a name": lambda value: value["boosters"][0].update(file="../gain-0.txt"),
    "file outside": lambda value: value["files"].update({"../../etc/passwd": "0" * 64}),
    "no boosters": lambda value: value.update(boosters=[]),
    "boosters of a wrong type": lambda value: value.update(boosters="gain-0.txt"),
    "scale": lambda value: value["boosters"][0].update(scale="1"),
    "scale out of range": lambda value: value["boosters"][0].update(scale=10**400),
    "offset": lambda value: value.update(offset=True),
    "files of a wrong type": lambda value: value.update(files=[]),
    "hash of a wrong type": lambda value: value["files"].update({"gain-0.txt": 1}),
    "length model": lambda value: value["length_model"].update(slack="8"),
    "length model out of order": lambda value: value["length_model"].update(lowest_ratio=900),
    "length model part": lambda value: value["length_model"].pop("slack"),
    "metadata": lambda value: value.update(metadata=[]),
    "metadata field": lambda value: value["metadata"].pop("provenance"),
    "feature names": lambda value: value["metadata"]["feature_names"].reverse(),
    "terminal codes": lambda value: value["metadata"].update(provenance="\x1b[2Jhello"),
    "segments": lambda value: value["metadata"].update(segments=-1),
    "seeds": lambda value: value["metadata"].update(seeds=[1.5]),
    "model": lambda value: value["metadata"].update(small="model"),
    "figures": lambda value: value["metadata"].update(figures=[]),
    "figures inside": lambda value: value["metadata"]["figures"].update(x={"y": "\x07"}),
    "huge figure": lambda value: value["metadata"]["figures"].update(x=10**400),
    "decoding": lambda value: value["metadata"].update(decoding={"a": 1}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_wrong_part_of_the_description_is_refused(bundle, name):
    edit(bundle, CHANGES[name])
    assert "router.json" in refused(bundle)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{", '{"a": NaN}', "[" * 200_000, '{"a":' * 20_000, "1" * 10_000, "\udcff"],
)
def test_what_is_no_description_is_refused(bundle, text):
    (bundle / "router.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "router.json" in refused(bundle)


def test_text_of_many_scripts_in_the_metadata_survives(calibration, tmp_path):
    metadata = replace(
        calibration.router.metadata,
        provenance="NTREX-128, строки 1–1500, 許諾 CC BY-SA",
        small=ModelIdentity("Modèle", "ü"),
    )
    save_bundle(replace(calibration.router, metadata=metadata), tmp_path / "r")
    assert load_bundle(tmp_path / "r").metadata == metadata
