"""What a router bundle says about itself: models, metric, provenance, figures.

A plain record goes in and out of JSON. What always holds: what is read from a bundle has been
checked for type, size and printable text, since it comes from a stranger and reaches a terminal.
It holds no time stamps, so that the same calibration gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import routelmt_cli
from routelmt_cli.features.schema import FEATURE_NAMES, SCHEMA_VERSION

FORMAT_VERSION = 2
"""Version of the bundle's files; raised when an older routelmt could not read them."""

MAX_PAIRS = 64
"""Language pairs of one router."""

_ELSEWHERE = "elsewhere:"
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_MAX_TEXT = 4_000
_MAX_ITEMS = 1_000
_MAX_DEPTH = 6
_MAX_NUMBER = 1e15


@dataclass(frozen=True)
class ModelIdentity:
    """A translation model as a router knows it.

    Parameters
    ----------
    name
        For people.
    fingerprint
        Equal exactly for models that translate a language pair alike; of a model whose hypotheses
        were made elsewhere, from :meth:`made_elsewhere`.
    """

    name: str
    fingerprint: str

    @classmethod
    def made_elsewhere(cls, name: str) -> ModelIdentity:
        """Identify a model by name alone, where its hypotheses were given and it was not run."""
        return cls(name, f"{_ELSEWHERE}{name}")

    @property
    def is_elsewhere(self) -> bool:
        """Whether nothing but the name is known."""
        return self.fingerprint.startswith(_ELSEWHERE)

    def is_other_than(self, own: ModelIdentity, *, same_pair: bool) -> bool:
        """Say whether a run's model is another one, as far as can be known.

        Parameters
        ----------
        own
            The run's model.
        same_pair
            Whether both are of one language pair. Prompts differ between pairs, and fingerprints
            with them, so that names alone are compared otherwise.
        """
        if self.is_elsewhere or not same_pair:
            return self.name != own.name
        return self.fingerprint != own.fingerprint


@dataclass(frozen=True)
class RouterMetadata:
    """What a router was calibrated for and on.

    Parameters
    ----------
    pairs
        Language pairs of the calibration, codes of source and target; none for a prior.
    small, large
        The two models.
    metric_signature
        The metric of the gain labels with version and options.
    segments
        Number of calibrated segments.
    provenance
        Where they come from, in words, with licence.
    figures
        The out-of-fold report (:mod:`routelmt_cli.gain.report`).
    seeds
        Seeds of the boosters.
    candidate
        The mix of parts that was chosen.
    prior
        Provenance of the prior that entered the mix; empty where none did.
    lightgbm_version, created_with
        Versions of LightGBM and routelmt that made it.
    format_version, schema_version, feature_names
        What a reader must understand.
    """

    pairs: Sequence[tuple[str, str]]
    small: ModelIdentity
    large: ModelIdentity
    metric_signature: str
    segments: int
    provenance: str
    figures: Mapping[str, Any]
    seeds: Sequence[int]
    candidate: str
    prior: str
    lightgbm_version: str
    created_with: str = f"routelmt {routelmt_cli.__version__}"
    format_version: int = FORMAT_VERSION
    schema_version: int = SCHEMA_VERSION
    feature_names: Sequence[str] = field(default=FEATURE_NAMES)

    def as_json(self) -> dict[str, Any]:
        """Give the record as plain JSON values."""
        values = asdict(self)
        values["seeds"] = list(self.seeds)
        values["pairs"] = [list(pair) for pair in self.pairs]
        values["feature_names"] = list(self.feature_names)
        return values

    @property
    def is_prior(self) -> bool:
        """Whether it was made for no model pair in particular."""
        return not self.pairs

    @property
    def source_language(self) -> str | None:
        """The one source language, or None where there are several or none."""
        return _only(source for source, _ in self.pairs)

    @property
    def target_language(self) -> str | None:
        """The one target language, or None where there are several or none."""
        return _only(target for _, target in self.pairs)

    @property
    def pair_labels(self) -> list[str]:
        """The language pairs as they are written, such as ``de-en``; each once."""
        return list(dict.fromkeys(pair_label(*pair) for pair in self.pairs))

    def mismatches(
        self, *, pair: tuple[str, str], small: ModelIdentity, large: ModelIdentity
    ) -> list[str]:
        """Name everything in which a run differs from the calibration.

        A router of several language pairs, or a prior, may be asked about another pair.

        Parameters
        ----------
        pair
            Source and target language of the run.
        small, large
            The run's own models.

        Returns
        -------
        list of str
            Such as ``small model``; empty where the router fits.
        """
        if self.is_prior:
            return []
        same = pair in self.pairs
        found = [] if same or len(self.pairs) > 1 else ["language pair"]
        if self.small.is_other_than(small, same_pair=same):
            found.append("small model")
        if self.large.is_other_than(large, same_pair=same):
            found.append("large model")
        return found

    @property
    def of_models_elsewhere(self) -> bool:
        """Whether it was calibrated on given hypotheses, so that models are known by name alone."""
        return self.small.is_elsewhere or self.large.is_elsewhere


def pair_label(source_language: str, target_language: str) -> str:
    """Write a language pair in one word, such as ``de-en``.

    Hyphens inside a code become underscores, which mean the same in language tags, so that no two
    pairs share a label: ``zh_Hans-en`` is not ``zh-Hans_en``.
    """
    source, target = (code.replace("-", "_") for code in (source_language, target_language))
    return f"{source}-{target}"


def _only(names: Iterable[str]) -> str | None:
    different = set(names)
    return different.pop() if len(different) == 1 else None


class MetadataError(ValueError):
    """A bundle's description has a missing, wrong or unreadable value."""


def read_metadata(value: object) -> RouterMetadata:
    """Read the record from JSON values of a stranger.

    Parameters
    ----------
    value
        The ``metadata`` of ``router.json``.

    Raises
    ------
    MetadataError
        A field is missing or unknown, of a wrong type, too large, or made for another schema.
    """
    if not isinstance(value, dict):
        raise MetadataError("metadata is not an object")
    for name, known in (("format_version", FORMAT_VERSION), ("schema_version", SCHEMA_VERSION)):
        found = value.get(name)
        if type(found) is not int:
            raise MetadataError(f"{name} is not a whole number")
        if found != known:
            raise MetadataError(f"{name} is {found}, but this routelmt reads {known}")
    expected = {one.name for one in fields(RouterMetadata)}
    if value.keys() != expected:
        names = ", ".join(sorted(map(repr, value.keys() ^ expected))[:3])
        raise MetadataError(f"metadata has missing or unknown fields: {names[:200]}")
    if value["feature_names"] != list(FEATURE_NAMES):
        raise MetadataError("feature_names are not those of this routelmt")
    for name in _TEXTS:
        _check_text(value[name], name)
    if type(value["segments"]) is not int or not 0 < value["segments"] < 10**12:
        raise MetadataError("segments is not a positive whole number")
    seeds = value["seeds"]
    if not isinstance(seeds, list) or len(seeds) > _MAX_ITEMS:
        raise MetadataError("seeds is not a list")
    if any(type(seed) is not int or abs(seed) >= 2**31 for seed in seeds):
        raise MetadataError("a seed is not a whole number")
    _check_plain(value["figures"], "figures")
    if not isinstance(value["figures"], dict):
        raise MetadataError("figures is not an object")
    return RouterMetadata(
        **{
            **value,
            "small": _identity(value["small"], "small"),
            "large": _identity(value["large"], "large"),
            "pairs": _pairs(value["pairs"]),
            "seeds": tuple(seeds),
            "feature_names": FEATURE_NAMES,
        }
    )


_TEXTS = (
    "metric_signature",
    "provenance",
    "candidate",
    "prior",
    "lightgbm_version",
    "created_with",
)


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or len(value) > MAX_PAIRS:
        raise MetadataError(f"pairs is not a list of at most {MAX_PAIRS}")
    pairs = []
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            raise MetadataError("a language pair is not a source and a target")
        if not all(isinstance(code, str) and _CODE.fullmatch(code) for code in pair):
            raise MetadataError("a language pair is not of two codes")
        pairs.append((pair[0], pair[1]))
    if len(set(pairs)) != len(pairs):
        raise MetadataError("pairs holds a language pair twice")
    return tuple(pairs)


def _identity(value: object, name: str) -> ModelIdentity:
    if not isinstance(value, dict) or value.keys() != {"name", "fingerprint"}:
        raise MetadataError(f"{name} is not a model's name and fingerprint")
    return ModelIdentity(_check_text(value["name"], name), _check_text(value["fingerprint"], name))


def _check_text(value: object, name: str) -> str:
    """Let only printable text pass: it will be shown in a terminal."""
    if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
        raise MetadataError(f"{name} is not printable text of at most {_MAX_TEXT} characters")
    return value


def _check_plain(value: object, name: str, depth: int = 0) -> None:
    """Let only a small tree of printable texts and finite numbers pass."""
    if depth > _MAX_DEPTH:
        raise MetadataError(f"{name} is nested too deeply")
    if isinstance(value, dict | list):
        if len(value) > _MAX_ITEMS:
            raise MetadataError(f"{name} is too long")
        if isinstance(value, dict):
            for key in value:
                _check_text(key, name)
        for item in value.values() if isinstance(value, dict) else value:
            _check_plain(item, name, depth + 1)
    elif isinstance(value, str):
        _check_text(value, name)
    elif isinstance(value, float | int) and not isinstance(value, bool):
        # Written so that NaN fails too; an integer of JSON can be larger than any float.
        if not abs(value) <= _MAX_NUMBER:
            raise MetadataError(f"{name} holds a number out of range")
    elif value is not None and not isinstance(value, bool):
        raise MetadataError(f"{name} holds something that is neither text nor number")
