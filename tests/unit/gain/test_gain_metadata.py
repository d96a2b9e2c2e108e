"""What a bundle says about itself: for which pairs and models, and nothing unreadable."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.metadata import (
    FORMAT_VERSION,
    MetadataError,
    ModelIdentity,
    RouterMetadata,
    pair_label,
    read_metadata,
)

METADATA = RouterMetadata(
    pairs=(("de", "en"),),
    small=ModelIdentity("Small", "s"),
    large=ModelIdentity("Large", "l"),
    metric_signature="chrF2++",
    segments=100,
    provenance="made up",
    figures={"area": 0.5, "guard": {"0.1": None}, "rules": ["a", True]},
    seeds=(0, 1),
    candidate="gain + text",
    prior="",
    lightgbm_version="4.6.0",
)
MANY = replace(METADATA, pairs=(("de", "en"), ("zh-Hans", "en")))
PRIOR = replace(METADATA, pairs=())


def through_json(metadata):
    return read_metadata(json.loads(json.dumps(metadata.as_json())))


@pytest.mark.parametrize("metadata", [METADATA, MANY, PRIOR])
def test_it_comes_back_from_json(metadata):
    assert through_json(metadata) == metadata
    assert through_json(metadata).feature_names == FEATURE_NAMES


def test_languages_of_one_pair():
    assert (METADATA.source_language, METADATA.target_language) == ("de", "en")
    assert METADATA.pair_labels == ["de-en"] == [pair_label("de", "en")]


def test_labels_of_two_language_pairs_differ():
    assert pair_label("zh-Hans", "en") != pair_label("zh", "Hans-en")
    assert pair_label("zh-Hans", "en") == pair_label("zh_Hans", "en")
    assert not METADATA.is_prior


def test_languages_of_many_pairs():
    assert (MANY.source_language, MANY.target_language) == (None, "en")
    assert replace(MANY, pairs=(("de", "en"), ("de", "fr"))).source_language == "de"
    assert replace(MANY, pairs=(("de", "en"), ("de", "fr"))).target_language is None
    assert MANY.pair_labels == ["de-en", "zh_Hans-en"]
    assert not MANY.is_prior


def test_a_prior_has_no_languages():
    assert PRIOR.is_prior
    assert (PRIOR.source_language, PRIOR.target_language) == (None, None)
    assert PRIOR.pair_labels == []


def mismatches(metadata, pair=("de", "en"), small=METADATA.small, large=METADATA.large):
    return metadata.mismatches(pair=pair, small=small, large=large)


OTHER_WEIGHTS, OTHER_CARD = replace(METADATA.small, fingerprint="x"), ModelIdentity("Tiny", "y")


def test_everything_in_which_a_run_differs_is_named():
    assert mismatches(METADATA) == []
    assert mismatches(METADATA, ("en", "de")) == ["language pair"]
    assert mismatches(METADATA, small=OTHER_WEIGHTS) == ["small model"]
    assert mismatches(METADATA, ("fr", "en"), OTHER_CARD, OTHER_CARD) == [
        "language pair",
        "small model",
        "large model",
    ]


def test_a_router_of_many_pairs_may_be_asked_about_another_one():
    assert mismatches(MANY, ("fr", "en")) == []
    assert mismatches(MANY, ("fr", "en"), large=OTHER_CARD) == ["large model"]


def test_a_prior_fits_every_run():
    assert mismatches(PRIOR, ("fr", "en"), OTHER_CARD, OTHER_CARD) == []


def test_fingerprints_are_compared_for_one_language_pair_and_names_for_others():
    # Prompts name the languages, so a model's fingerprint for another pair is another one.
    assert mismatches(MANY, ("fr", "en"), small=OTHER_WEIGHTS) == []
    assert mismatches(MANY, ("de", "en"), small=OTHER_WEIGHTS) == ["small model"]
    assert mismatches(METADATA, ("fr", "en"), small=OTHER_WEIGHTS) == ["language pair"]


def test_models_of_given_hypotheses_are_known_by_name():
    given = replace(METADATA, small=ModelIdentity.made_elsewhere("Small"))
    assert given.of_models_elsewhere and not METADATA.of_models_elsewhere
    assert mismatches(given, small=OTHER_WEIGHTS) == []
    assert mismatches(given, small=OTHER_CARD) == ["small model"]


PAIRS = {
    "no list": {"de": "en"},
    "text": "de-en",
    "a pair of text": ["de"],
    "a pair of one": [["de"]],
    "a pair of three": [["de", "en", "fr"]],
    "no text": [["de", 1]],
    "empty": [["de", ""]],
    "long": [["de", "x" * 41]],
    "a path": [["..", "en"]],
    "a space": [["de", "e n"]],
    "a line": [["de", "en\n"]],
    "terminal codes": [["de", "\x1b"]],
    "twice": [["de", "en"], ["de", "en"]],
    "too many": [[f"x{number}", "en"] for number in range(65)],
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_no_list_of_pairs_is_refused(name):
    with pytest.raises(MetadataError, match="pair"):
        read_metadata({**METADATA.as_json(), "pairs": PAIRS[name]})


FIELDS = {
    "format_version": [FORMAT_VERSION - 1, FORMAT_VERSION + 1, "2", True, None],
    "schema_version": [0, 99, "2", None],
    "feature_names": [[], ["x"], None, list(FEATURE_NAMES[::-1])],
    "segments": [0, -1, 1.5, True, "1", 10**12],
    "seeds": [None, "0", [1.5], [True], [2**31], [0] * 1001],
    "figures": [None, [], "x", {"x": "\x07"}, {"x": 1e16}, {"x": float("nan")}, {"\n": 1}],
    "small": [None, "Small", {}, {"name": "x"}, {"name": 1, "fingerprint": ""}],
    "large": [[], {"name": "x", "fingerprint": "\x00"}],
    **{
        name: [None, 1, "x\ny", "\x1b[2J", "\u202e", "x" * 4001]
        for name in ("provenance", "prior", "candidate", "metric_signature", "created_with")
    },
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_a_wrong_kind_are_refused_by_name(name):
    for wrong in FIELDS[name]:
        with pytest.raises(MetadataError) as caught:
            read_metadata({**METADATA.as_json(), name: wrong})
        assert name.removesuffix("s") in str(caught.value), wrong
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", METADATA.as_json())
def test_no_field_may_be_missing_and_none_may_be_added(name):
    value = METADATA.as_json()
    del value[name]
    with pytest.raises(MetadataError, match=name):
        read_metadata(value)
    with pytest.raises(MetadataError):
        read_metadata({**value, f"{name}\x1b": 1})
    with pytest.raises(MetadataError, match="unknown"):
        read_metadata({**METADATA.as_json(), "extra": 1})


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(MetadataError, match="not an object"):
        read_metadata(value)
