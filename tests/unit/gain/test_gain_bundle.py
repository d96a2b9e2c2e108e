"""Bundles come back as they were saved, appear whole, and name what is wrong with them."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.features.background import Background
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain import bundle as bundle_module
from routelmt_cli.gain.arrays import pack_arrays, unpack_arrays
from routelmt_cli.gain.bundle import DESCRIPTION, bundle_files, load_bundle, save_bundle
from routelmt_cli.gain.drift import drift
from routelmt_cli.gain.metadata import ModelIdentity
from routelmt_cli.gain.trees import Tree, render_booster


@pytest.fixture(scope="session")
def saved(every_kind, tmp_path_factory):
    """A bundle that no test changes."""
    path = tmp_path_factory.mktemp("saved") / "es-en.router"
    save_bundle(every_kind, path)
    return path


@pytest.fixture
def bundle(every_kind, tmp_path):
    path = tmp_path / "es-en.router"
    save_bundle(every_kind, path)
    return path


def edit(path, change):
    file = path / "router.json"
    value = json.loads(file.read_text("utf-8"))
    change(value)
    file.write_text(json.dumps(value), "utf-8")


def rewrite(path, name, content):
    """Give a file another content and the hash that belongs to it."""
    (path / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit(path, lambda value: value["files"].update({name: digest}))


def refused(path):
    with pytest.raises(UsageError) as caught:
        load_bundle(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.message


def assert_same(ours, theirs):
    for name in (
        "gain",
        "retranslation_tokens",
        "regression_risk",
        "probe_gain",
        "draft_quality",
    ):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert one is not None
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, other)


def test_a_bundle_comes_back_as_it_was(saved, every_kind, made_up):
    loaded = load_bundle(saved)
    assert loaded.metadata == every_kind.metadata
    assert loaded.fingerprint == every_kind.fingerprint
    assert bundle_files(loaded) == bundle_files(every_kind)
    table = made_up(20, seed=2, states=True).table
    assert_same(loaded.predict(table), every_kind.predict(table))
    ours, theirs = loaded.safeguards, every_kind.safeguards
    features = every_kind.inputs(table, "es-en").features
    np.testing.assert_array_equal(ours.risk.lower_gain(features), theirs.risk.lower_gain(features))
    np.testing.assert_array_equal(
        ours.chooser.keep_draft(features, features), theirs.chooser.keep_draft(features, features)
    )
    np.testing.assert_array_equal(ours.quantiles, theirs.quantiles)
    assert tuple(ours.limits) == tuple(theirs.limits)
    assert ours.severe == theirs.severe


def test_a_bundle_holds_what_it_lists_and_nothing_is_left_beside_it(saved, every_kind):
    assert {entry.name for entry in saved.iterdir()} == set(bundle_files(every_kind))
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]
    kinds = {name.split("-")[0] for name in bundle_files(every_kind)}
    assert kinds == {"router.json", "trees", "arrays", "pieces"}


def test_a_router_without_background_and_safeguards(every_kind, tmp_path, made_up):
    profile = replace(every_kind.profiles["es-en"], background=Background(None, None, None))
    router = replace(every_kind, profiles={"es-en": profile}, safeguards=None)
    save_bundle(router, tmp_path / "r")
    loaded = load_bundle(tmp_path / "r")
    assert loaded.profiles["es-en"].background == Background(None, None, None)
    prediction = loaded.predict(made_up(3).table)
    assert np.isfinite(prediction.gain).all()
    assert prediction.regression_risk is None


def test_an_existing_bundle_is_replaced_only_when_asked(bundle, every_kind):
    model = replace(every_kind.model, offset=every_kind.model.offset + 1)
    other = replace(every_kind, model=model)
    with pytest.raises(UsageError, match="exists"):
        save_bundle(other, bundle)
    assert load_bundle(bundle).model.offset == every_kind.model.offset
    save_bundle(other, bundle, overwrite=True)
    assert load_bundle(bundle).model.offset == model.offset
    assert [entry.name for entry in bundle.parent.iterdir()] == [bundle.name]


def test_what_is_no_bundle_is_never_replaced(every_kind, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    for name in ("thesis", "file", "link"):
        with pytest.raises(UsageError, match="no router bundle"):
            save_bundle(every_kind, tmp_path / name, overwrite=True)
    assert (tmp_path / "thesis" / "chapter.txt").exists()


def test_a_folder_that_is_not_there(every_kind, tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        save_bundle(every_kind, tmp_path / "no" / "such.router")
    assert "does not exist" in refused(tmp_path / "none.router")
    (tmp_path / "file").write_text("x")
    assert "is not a folder" in refused(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "router.json" in refused(tmp_path / "empty")


def test_damage_of_every_file_is_named(bundle, every_kind):
    for name, content in bundle_files(every_kind).items():
        file = bundle / name
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        # Nothing states the hash of the description itself: there only broken JSON is found.
        damages = [content[:middle], b""]
        if name != "router.json":
            damages += [flipped, content[:-1], content + b"\n"]
        for damaged in damages:
            file.write_bytes(damaged)
            assert name in refused(bundle)
        file.unlink()
        assert name in refused(bundle)
        file.write_bytes(content)
    load_bundle(bundle)


@pytest.mark.parametrize("name", ["model.pkl", "evil.pickle", "trees-99.txt", "__init__.py"])
def test_a_file_that_nobody_listed_is_refused_and_never_loaded(bundle, name):
    class Boom:
        def __reduce__(self):
            return (os.abort, ())

    (bundle / name).write_bytes(pickle.dumps(Boom()))
    message = refused(bundle)
    assert name in message
    assert "not listed" in message


@pytest.mark.parametrize("name", ["evil.pickle", "../trees-0.txt", "trees-0.txt/x", "TREES-0.txt"])
def test_a_name_of_no_known_kind_is_refused_even_when_listed(bundle, name):
    edit(bundle, lambda value: value["files"].update({name: "0" * 64}))
    assert "no known kind" in refused(bundle)


def test_a_listed_file_that_belongs_to_nothing_is_refused(bundle):
    rewrite(bundle, "trees-77.txt", (bundle / "trees-0.txt").read_bytes())
    assert "trees-77.txt belongs to nothing" in refused(bundle)


def test_words_for_people_may_lie_beside(bundle):
    (bundle / "README.md").write_text("# es-en")
    load_bundle(bundle)


@pytest.mark.parametrize("name", ["trees-0.txt", "arrays-0.npz", "router.json"])
def test_links_and_pipes_are_not_followed(bundle, tmp_path, name):
    secret = tmp_path / "secret"
    secret.write_bytes((bundle / name).read_bytes())
    (bundle / name).unlink()
    (bundle / name).symlink_to(secret)
    assert name in refused(bundle)
    (bundle / name).unlink()
    os.mkfifo(bundle / name)
    assert name in refused(bundle)


@pytest.mark.parametrize("name", ["trees-0.txt", "arrays-0.npz", "pieces-0.spm.model"])
def test_too_large_files_are_not_read(bundle, name):
    with (bundle / name).open("r+b") as file:
        file.truncate(200 << 20)
    message = refused(bundle)
    assert "larger" in message
    assert name in message


def test_a_bundle_is_bounded_as_a_whole(bundle, monkeypatch):
    """Five hundred files of the allowed size would be 32 GB."""
    size = sum(file.stat().st_size for file in bundle.iterdir() if file.name != DESCRIPTION)
    monkeypatch.setattr(bundle_module, "_MAX_BUNDLE_BYTES", size)
    load_bundle(bundle)
    monkeypatch.setattr(bundle_module, "_MAX_BUNDLE_BYTES", size - 1)
    with pytest.raises(UsageError, match="is larger than"):
        load_bundle(bundle)


def test_a_too_large_description_is_not_read(bundle):
    with (bundle / "router.json").open("r+b") as file:
        file.truncate(2 << 20)
    assert "larger" in refused(bundle)


def test_later_versions_ask_for_a_newer_routelmt(bundle):
    edit(bundle, lambda value: value["metadata"].update(format_version=99))
    with pytest.raises(UsageError, match="later routelmt") as caught:
        load_bundle(bundle)
    assert caught.value.hint == "install a newer routelmt"


def test_another_schema_is_named(bundle):
    edit(bundle, lambda value: value["metadata"].update(schema_version=7))
    assert "schema_version is 7" in refused(bundle)


def test_an_older_bundle_asks_for_another_calibration(bundle):
    # As routelmt wrote them first: other files, other fields.
    old = {
        "format": "routelmt router",
        "metadata": {"format_version": 1, "schema_version": 1},
        "boosters": [{"file": "gain-0.txt", "scale": 1.0}],
        "files": {"gain-0.txt": "0" * 64},
    }
    (bundle / "router.json").write_text(json.dumps(old))
    with pytest.raises(UsageError, match="earlier routelmt") as caught:
        load_bundle(bundle)
    assert "calibrate" in caught.value.hint


def swap_files(value):
    first, second = value["parts"][:2]
    first["boosters"], second["boosters"] = second["boosters"], first["boosters"]


def part_of(value, kind):
    return next(part for part in value["parts"] if part["kind"] == kind)


CHANGES = {
    "no format": lambda value: value.pop("format"),
    "unknown part": lambda value: value.update(extra=1),
    "two parts swap their files": swap_files,
    "path in a name": lambda value: value["parts"][0].update(boosters=["../trees-0.txt"]),
    "a file twice": lambda value: value["parts"][0].update(boosters=["trees-0.txt"] * 2),
    "file outside": lambda value: value["files"].update({"../../etc/passwd": "0" * 64}),
    "no parts": lambda value: value.update(parts=[]),
    "scale out of range": lambda value: value["parts"][0].update(scale=10**400),
    "no scale for a booster": lambda value: value["parts"][0].update(scales=[]),
    "kind of another part": lambda value: part_of(value, "text").update(kind="probe"),
    "unprintable name": lambda value: value["parts"][0].update(name="\x1b[2J"),
    "falling curve": lambda value: value["parts"][1].update(curve={"x": [1, 0], "y": [0, 1]}),
    "curve of two lengths": lambda value: value["parts"][1].update(curve={"x": [1, 2], "y": [0]}),
    "empty curve": lambda value: value["parts"][1].update(curve={"x": [], "y": []}),
    "offset": lambda value: value.update(offset=True),
    "files of a wrong type": lambda value: value.update(files=[]),
    "no files": lambda value: value.update(files={}),
    "hash of a wrong type": lambda value: value["files"].update({"trees-0.txt": 1}),
    "length model out of order": lambda value: value["length_model"].update(lowest_ratio=900),
    "profile of another pair": lambda value: value.update(
        profiles={"fr-en": value["profiles"]["es-en"]}
    ),
    "gain scale of another pair": lambda value: value.update(gain_scale={"fr-en": [0, 1]}),
    "gain scale of three": lambda value: value.update(gain_scale={"es-en": [0, 1, 2]}),
    "gain scale not above zero": lambda value: value.update(gain_scale={"es-en": [0, 0]}),
    "metadata": lambda value: value.update(metadata=[]),
    "feature names": lambda value: value["metadata"]["feature_names"].reverse(),
    "terminal codes": lambda value: value["metadata"].update(provenance="\x1b[2Jhello"),
    "unprintable figure": lambda value: value["metadata"]["figures"].update(x={"y": "\x07"}),
    "unprintable name of a figure": lambda value: value["metadata"]["figures"].update({"\n": 1}),
    "huge figure": lambda value: value["metadata"]["figures"].update(x=10**400),
    "deep figures": lambda value: value["metadata"]["figures"].update(x=[[[[[[[[1]]]]]]]]),
    "long figures": lambda value: value["metadata"]["figures"].update(x=[0] * 10_000),
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


REPLACEMENTS = (None, "NaN", -1, 1e300, True, [], [[[1]]], {})


def places(value, path=()):
    """Walk a JSON tree; of long lists and objects the first and the last places."""
    yield path
    keys = list(value) if isinstance(value, dict) else []
    if isinstance(value, list):
        keys = list(range(len(value)))
    if path[:2] == ("metadata", "figures"):
        # Figures are free in form and all checked alike.
        keys = keys[:1] if len(path) < 4 else []
    if path[-1:] == ("limits",):
        keys = keys[:1]
    for key in keys if len(keys) <= 9 else [*keys[:1], *keys[-1:]]:
        yield from places(value[key], (*path, key))


def changed(text, path):
    """Give the description with one place replaced, removed or renamed, in every way."""

    def fresh():
        value = json.loads(text)
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        return value, holder

    for replacement in REPLACEMENTS:
        value, holder = fresh()
        holder[path[-1]] = replacement
        yield value
    value, holder = fresh()
    del holder[path[-1]]
    yield value
    if isinstance(path[-1], str):
        value, holder = fresh()
        holder["another name"] = holder.pop(path[-1])
        yield value


def use(router, table):
    """Do with a router all that a run does."""
    pair = next(iter(router.profiles))
    prediction = router.predict(table, pair)
    for name in ("gain", "retranslation_tokens", "regression_risk", "probe_gain", "draft_quality"):
        values = getattr(prediction, name)
        assert values is None or np.isfinite(values).all(), name
    guard = router.safeguards
    if guard is not None:
        features = router.inputs(table, pair).features
        assert np.isfinite(guard.risk.lower_gain(features)).all()
        if guard.chooser is not None:
            guard.chooser.keep_draft(features, features)
        drift(features, guard.quantiles, calibration_segments=router.metadata.segments)
        for limit in guard.limits:
            limit.allows(prediction.regression_risk)


def test_a_description_changed_anywhere_is_refused_or_still_predicts(bundle, made_up):
    table = made_up(2, seed=4, states=True).table
    file = bundle / "router.json"
    text = file.read_text("utf-8")
    tried, loaded = 0, 0
    for path in places(json.loads(text)):
        if not path:
            continue
        for value in changed(text, path):
            file.write_text(json.dumps(value), "utf-8")
            tried += 1
            try:
                router = load_bundle(bundle)
            except UsageError as error:
                assert "\n" not in error.message, path
                assert error.hint, path
                continue
            except Exception as error:
                raise AssertionError(f"{path}: {type(error).__name__}: {error}") from error
            loaded += 1
            if path[0] != "metadata":
                use(router, table)
    assert tried > 900
    # Free words and figures may be anything; little else may.
    assert 0 < loaded < tried / 3


def arrays_of(path, *names):
    """Find the file that holds exactly these arrays."""
    for file in sorted(path.glob("arrays-*.npz")):
        arrays = unpack_arrays(file.read_bytes())
        if set(arrays) == set(names):
            return file.name, arrays
    raise AssertionError(names)


PROFILE, PROBE = ("centre", "scale"), ("centre", "scale", "weights")
ARRAY_CHANGES = {
    "a profile's scale of zero": (PROFILE, "scale", lambda a: a * 0),
    "a profile's scale below zero": (PROFILE, "scale", lambda a: -a),
    "a profile's scale that is no number": (PROFILE, "scale", lambda a: a * np.float32("nan")),
    "a short profile": (PROFILE, "centre", lambda a: a[:-1]),
    "a profile of doubles": (PROFILE, "centre", lambda a: a.astype(np.float64)),
    "a profile with a column more": (PROFILE, "scale", lambda a: np.stack([a, a])),
    "a short text model": (("weights",), "weights", lambda a: a[:-1]),
    "an endless weight": (("weights",), "weights", lambda a: a + np.float32("inf")),
    "a probe's scale of zero": (PROBE, "scale", lambda a: a * 0),
    "a probe of two widths": (PROBE, "weights", lambda a: a[:-1]),
    "an empty probe": (PROBE, "weights", lambda a: a[:0]),
    "quantiles of fewer features": (("quantiles",), "quantiles", lambda a: a[:-1]),
    "quantiles of fewer figures": (("quantiles",), "quantiles", lambda a: a[:, :-1]),
    "quantiles in a row": (("quantiles",), "quantiles", lambda a: a.ravel()),
    "whole numbers": (("quantiles",), "quantiles", lambda a: np.zeros(a.shape, np.int32)),
}


@pytest.mark.parametrize("name", ARRAY_CHANGES)
def test_arrays_that_do_not_fit_are_refused(bundle, name):
    members, changed_one, change = ARRAY_CHANGES[name]
    file, arrays = arrays_of(bundle, *members)
    arrays[changed_one] = change(arrays[changed_one])
    rewrite(bundle, file, pack_arrays(arrays))
    refused(bundle)


@pytest.mark.filterwarnings("ignore:overflow encountered in divide")
@pytest.mark.parametrize("members", [PROFILE, PROBE])
def test_extreme_numbers_that_are_allowed_still_predict(bundle, made_up, members):
    file, arrays = arrays_of(bundle, *members)
    arrays["scale"] = np.full_like(arrays["scale"], 1e-38)
    arrays["centre"] = np.full_like(arrays["centre"], 3e38)
    arrays["centre"][::2] *= -1
    if "weights" in arrays:
        arrays["weights"] = np.full_like(arrays["weights"], 3e38)
    rewrite(bundle, file, pack_arrays(arrays))
    use(load_bundle(bundle), made_up(3, seed=4, states=True).table)


def test_text_of_many_scripts_in_the_metadata_survives(every_kind, tmp_path):
    metadata = replace(
        every_kind.metadata,
        provenance="NTREX-128, строки 1–1500, 許諾 CC BY-SA",
        small=ModelIdentity("Modèle", "ü"),
    )
    save_bundle(replace(every_kind, metadata=metadata), tmp_path / "r")
    assert load_bundle(tmp_path / "r").metadata == metadata


def test_extreme_trees_and_scales_still_predict(bundle, made_up):
    def enlarge(value):
        for part in value["parts"]:
            part["scale"] = part["intercept"] = 1e9
            if "scales" in part:
                part["scales"] = [-1e9] * len(part["scales"])
        value["gain_scale"]["es-en"] = [1e9, 1e9]

    edit(bundle, enlarge)
    tree = Tree((), (), (), (), (), (9e11,))
    rewrite(bundle, "trees-0.txt", render_booster([tree] * 500, FEATURE_NAMES))
    use(load_bundle(bundle), made_up(3, seed=4, states=True).table)
    larger = replace(tree, leaf_values=(1e299,))
    rewrite(bundle, "trees-0.txt", render_booster([larger], FEATURE_NAMES))
    assert "too large" in refused(bundle)
