"""Whatever is done to a bundle, loading and using it raises nothing but UsageError.

Changed bytes are tried twice: as they are, where the hashes find them, and with the hashes made
right again, as an attacker would, where only the checks of the formats stand before LightGBM and
SentencePiece.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from fuzz_cases import cases
from hypothesis import given
from hypothesis import strategies as st

from routelmt_cli.errors import UsageError
from routelmt_cli.features.background import fit_background
from routelmt_cli.features.compute import DraftTable
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.bundle import DESCRIPTION, bundle_files, load_bundle
from routelmt_cli.gain.length_model import LengthModel
from routelmt_cli.gain.metadata import ModelIdentity, RouterMetadata
from routelmt_cli.gain.parts import Curve, TreePart
from routelmt_cli.gain.profile import PairProfile
from routelmt_cli.gain.router import Router
from routelmt_cli.gain.training import GainModel, MixedPart
from routelmt_cli.gain.trees import GainBooster, Tree, render_booster

TABLE = DraftTable(
    sources=["El puente viejo", ""],
    drafts=["The old bridge", "x"],
    source_tokens=np.array([5, 0]),
    draft_tokens=np.array([4, 1]),
    token_logprobs=None,
    truncated=np.zeros(2, dtype=bool),
)


def tiny_files() -> dict[str, bytes]:
    """A bundle of two boosters with a few trees, small enough that changes hit everything."""
    trees = [
        Tree((0, 9), (12.5, 0.25), (2, 8), (1, -1), (-3, -2), (1.0, -2.5, 3.0)),
        Tree((), (), (), (), (), (0.5,)),
    ]
    content = render_booster(trees, FEATURE_NAMES)
    metadata = RouterMetadata(
        pairs=(("es", "en"),),
        small=ModelIdentity("small", "1"),
        large=ModelIdentity("large", "2"),
        metric_signature="chrF2++",
        segments=50,
        provenance="made up",
        figures={"area": 0.5, "gain": {"mean": 1.0}},
        seeds=(0, 1),
        candidate="gain",
        prior="",
        lightgbm_version="4",
    )
    sources = ["El puente viejo", "El río", "La casa vieja"] * 5
    drafts = ["The old bridge", "The river", "The old house"] * 5
    count = len(FEATURE_NAMES)
    boosters = [GainBooster(content, FEATURE_NAMES)] * 2
    router = Router(
        metadata=metadata,
        model=GainModel(
            parts=[
                MixedPart("gain", 0.6, 0.5, TreePart(boosters, [0.5, 0.5])),
                MixedPart(
                    "rank", 0.4, 0.5, TreePart(boosters, [1, 1], curve=Curve([0, 1], [0, 2]))
                ),
            ],
            offset=0.0,
            gain_scale={"es-en": (3.0, 2.0)},
        ),
        profiles={
            "es-en": PairProfile(
                fit_background(sources, drafts),
                np.zeros(count, np.float32),
                np.ones(count, np.float32),
            )
        },
        length_model=LengthModel(1.0, 0.5, 0.5, 0.5, 2.0, 8.0),
    )
    return bundle_files(router)


FILES = tiny_files()
NAMES = sorted(FILES)


def use(files: dict[str, bytes]) -> bool:
    """Write, load and use a bundle; False where it was refused as it must be."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        try:
            router = load_bundle(folder)
        except UsageError as error:
            assert error.hint
            return False
        prediction = router.predict(TABLE)
        assert prediction.gain.shape == (2,)
        assert np.isfinite(prediction.gain).all()
        assert (prediction.retranslation_tokens >= 1).all()
        return True


def rehashed(files: dict[str, bytes]) -> dict[str, bytes]:
    description = json.loads(files[DESCRIPTION])
    for name in description["files"]:
        description["files"][name] = hashlib.sha256(files[name]).hexdigest()
    return {**files, DESCRIPTION: json.dumps(description).encode()}


def test_the_bundle_itself_is_good():
    assert use(FILES)
    assert use(rehashed(FILES))


def changed(content: bytes, place: int, change: bytes, removed: int) -> bytes:
    place %= len(content) + 1
    return content[:place] + change + content[place + removed :]


EDITS = {
    "name": st.sampled_from(NAMES),
    "place": st.integers(0, 1 << 20),
    "change": st.one_of(
        st.binary(max_size=3), st.sampled_from([b"-", b"9", b" 1", b"\n", b"e9", b"=", b"0.1"])
    ),
    "removed": st.integers(0, 4),
}


@cases(150)
@given(**EDITS)
def test_changed_bytes_are_found_by_hash(name, place, change, removed):
    content = changed(FILES[name], place, change, removed)
    accepted = use({**FILES, name: content})
    assert not accepted or name == DESCRIPTION or content == FILES[name]


@cases(300)
@given(**EDITS)
def test_changed_bytes_with_right_hashes_never_crash(name, place, change, removed):
    files = {**FILES, name: changed(FILES[name], place, change, removed)}
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        files = rehashed(files)
    use(files)


@cases(60)
@given(name=st.sampled_from(NAMES), size=st.integers(0, 1 << 20))
def test_cut_files_are_refused(name, size):
    content = FILES[name][: size % len(FILES[name])]
    # The last byte of the description is a line end, which JSON does without.
    if name != DESCRIPTION or len(content) < len(FILES[name]) - 1:
        assert not use({**FILES, name: content})
        if name != DESCRIPTION:
            assert not use(rehashed({**FILES, name: content}))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_refused(name):
    assert not use({other: content for other, content in FILES.items() if other != name})


LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=5)
)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)


def paths(value, path=()):
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from paths(inner, (*path, key))


DESCRIBED = json.loads(FILES[DESCRIPTION])
PATHS = [path for path in paths(DESCRIBED) if path and path[:2] != ("metadata", "feature_names")]


@cases(200)
@given(path=st.sampled_from(PATHS), value=JSON)
def test_any_value_anywhere_in_the_description(path, value):
    description = json.loads(FILES[DESCRIPTION])
    inner = description
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    use({**FILES, DESCRIPTION: json.dumps(description).encode()})


NUMBER = st.one_of(st.integers(-5, 5), st.integers(-(2**70), 2**70))
REAL = st.floats()


@cases(300)
@given(
    trees=st.lists(
        st.builds(
            Tree,
            *(st.lists(kind, max_size=4) for kind in (NUMBER, REAL, NUMBER, NUMBER, NUMBER)),
            leaf_values=st.lists(REAL, max_size=4),
        ),
        max_size=3,
    )
)
def test_any_trees_are_refused_or_safe(trees):
    files = {**FILES, "trees-0.txt": render_booster(trees, FEATURE_NAMES)}
    use(rehashed(files))
