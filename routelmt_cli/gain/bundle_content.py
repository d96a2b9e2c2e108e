"""The content of a router bundle: a router as a JSON description and numbered plain files.

A :class:`~routelmt_cli.gain.router.Router` goes in and comes out; folders and hashes are the
matter of :mod:`routelmt_cli.gain.bundle`. What always holds: every number of a description is
checked for type and range, every file is named as this module would name it and used once, and
bytes reach a native parser only after our own checks (:mod:`~routelmt_cli.gain.trees`,
:mod:`~routelmt_cli.gain.arrays`, :mod:`~routelmt_cli.features.pieces`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelmt_cli.features.background import Background
from routelmt_cli.features.pieces import PieceModel
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.features.word_table import WordTable
from routelmt_cli.gain.arrays import ArrayError, pack_arrays, unpack_arrays
from routelmt_cli.gain.chooser import Chooser, chooser_names
from routelmt_cli.gain.conformal import GuardLimit
from routelmt_cli.gain.drift import QUANTILES
from routelmt_cli.gain.length_model import LengthModel
from routelmt_cli.gain.metadata import MetadataError, read_metadata
from routelmt_cli.gain.parts import Curve, Part, ProbePart, TextPart, TreePart
from routelmt_cli.gain.profile import PairProfile
from routelmt_cli.gain.risk import RiskModel
from routelmt_cli.gain.router import Router
from routelmt_cli.gain.safeguards import Safeguards
from routelmt_cli.gain.training import GainModel, MixedPart
from routelmt_cli.gain.trees import GainBooster

TREES, ARRAYS, PIECES = "trees-{}.txt", "arrays-{}.npz", "pieces-{}.spm.model"

_MAX_NUMBER = 1e9
_MAX_LIST = 512


class ContentError(ValueError):
    """A description or a file is not of the form that routelmt writes."""


@dataclass
class _Writer:
    """Collects files under numbered names."""

    files: dict[str, bytes] = field(default_factory=dict)

    def add(self, pattern: str, content: bytes) -> str:
        name = pattern.format(sum(one.startswith(pattern.split("{")[0]) for one in self.files))
        self.files[name] = content
        return name

    def trees(self, boosters: Sequence[GainBooster]) -> list[str]:
        return [self.add(TREES, booster.content) for booster in boosters]

    def arrays(self, **arrays: NDArray[Any]) -> str:
        return self.add(ARRAYS, pack_arrays(arrays))


def write_content(router: Router) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Describe a router.

    Parameters
    ----------
    router
        The router.

    Returns
    -------
    description : dict
        Plain JSON values.
    files : dict
        Bytes by name.
    """
    writer = _Writer()
    description = {
        "metadata": router.metadata.as_json(),
        "parts": [_write_part(one, writer) for one in router.model.parts],
        "offset": router.model.offset,
        "gain_scale": {name: list(scale) for name, scale in router.model.gain_scale.items()},
        "profiles": {
            name: _write_profile(profile, writer)
            for name, profile in sorted(router.profiles.items())
        },
        "length_model": router.length_model.as_dict(),
        "safeguards": _write_safeguards(router.safeguards, writer),
    }
    return description, writer.files


def _write_part(one: MixedPart, writer: _Writer) -> dict[str, Any]:
    head = {"name": one.name, "share": one.share, "scale": one.scale}
    part = one.part
    if isinstance(part, TreePart):
        curve = part.curve
        return {
            **head,
            "kind": "trees",
            "boosters": writer.trees(part.boosters),
            "scales": list(part.scales),
            "intercept": part.intercept,
            "curve": None if curve is None else {"x": list(curve.x), "y": list(curve.y)},
        }
    if isinstance(part, TextPart):
        file = writer.arrays(weights=part.weights)
        return {**head, "kind": "text", "file": file, "intercept": part.intercept}
    assert isinstance(part, ProbePart)
    file = writer.arrays(centre=part.centre, scale=part.scale, weights=part.weights)
    return {**head, "kind": "probe", "file": file, "intercept": part.intercept}


def _write_profile(profile: PairProfile, writer: _Writer) -> dict[str, Any]:
    background = profile.background
    source, target, words = background.source_pieces, background.target_pieces, background.words
    return {
        "source_pieces": None if source is None else writer.add(PIECES, source.content),
        "target_pieces": None if target is None else writer.add(PIECES, target.content),
        "words": None if words is None else writer.arrays(**words.arrays()),
        "scale": writer.arrays(centre=profile.centre, scale=profile.scale),
    }


def _write_safeguards(safeguards: Safeguards | None, writer: _Writer) -> dict[str, Any] | None:
    if safeguards is None:
        return None
    risk, chooser = safeguards.risk, safeguards.chooser
    return {
        "severe": safeguards.severe,
        "risk": {
            "boosters": writer.trees(risk.boosters),
            "constant": risk.constant,
            "lower_boosters": writer.trees(risk.lower_boosters),
        },
        "limits": [asdict(limit) for limit in safeguards.limits],
        "chooser": None
        if chooser is None
        else {
            **{name: getattr(chooser, name) for name in _CHOOSER_NUMBERS},
            "boosters": writer.trees(chooser.boosters),
        },
        "quantiles": writer.arrays(quantiles=safeguards.quantiles),
    }


_CHOOSER_NUMBERS = (
    "margin",
    "expected_gain_out_of_fold",
    "standard_error_out_of_fold",
    "kept_share_out_of_fold",
)


class _Reader:
    """Hands out files by name, each once."""

    def __init__(self, files: Mapping[str, bytes], folder: str) -> None:
        self._left = dict(files)
        self._folder = folder
        self._expected: dict[str, int] = {}

    def take(self, name: object, pattern: str) -> bytes:
        number = self._expected.get(pattern, 0)
        if name != pattern.format(number) or name not in self._left:
            raise ContentError(f"{str(name)[:80]!r} is not the file {pattern.format(number)}")
        self._expected[pattern] = number + 1
        return self._left.pop(str(name))

    def trees(
        self, names: object, features: Sequence[str] = FEATURE_NAMES
    ) -> tuple[GainBooster, ...]:
        return tuple(
            GainBooster(self.take(name, TREES), features, name=f"{self._folder}/{name}")
            for name in _list(names, "boosters")
        )

    def pieces(self, name: object) -> PieceModel | None:
        return None if name is None else PieceModel(self.take(name, PIECES))

    def arrays(self, name: object) -> dict[str, NDArray[Any]]:
        try:
            return unpack_arrays(self.take(name, ARRAYS))
        except ArrayError as error:
            raise ContentError(f"{name} {error}") from error

    def columns(
        self, name: object, *columns: str, with_gaps: bool = False
    ) -> list[NDArray[np.float32]]:
        arrays = self.arrays(name)
        if arrays.keys() != set(columns):
            raise ContentError(f"{name} does not hold {', '.join(columns)}")
        for array in arrays.values():
            if array.dtype != np.float32 or not (with_gaps or np.isfinite(array).all()):
                raise ContentError(f"{name} holds something that is no finite float32")
        return [arrays[column] for column in columns]

    def finish(self) -> None:
        if self._left:
            raise ContentError(f"{sorted(self._left)[0]} belongs to nothing")


def read_content(description: Mapping[str, Any], files: Mapping[str, bytes], folder: str) -> Router:
    """Make a router of a description and files, trusting neither.

    Parameters
    ----------
    description
        JSON values.
    files
        Bytes by name.
    folder
        The bundle's name, for messages.

    Raises
    ------
    ContentError
        Anything is missing, unknown, of a wrong type or out of range.
    UsageError
        A file of trees or pieces is not of our form.
    """
    parts = _keys(description, "router.json", _PARTS)
    reader = _Reader(files, folder)
    try:
        metadata = read_metadata(parts["metadata"])
        mix = [_read_part(one, reader) for one in _list(parts["parts"], "parts")]
        profiles = {
            name: _read_profile(profile, reader)
            for name, profile in _mapping(parts["profiles"], "profiles").items()
        }
        length_model = _length_model(parts["length_model"])
        safeguards = _read_safeguards(parts["safeguards"], reader)
    except MetadataError as error:
        raise ContentError(str(error)) from error
    except ContentError:
        raise
    except ValueError as error:
        raise ContentError(str(error)) from error
    reader.finish()
    if not mix:
        raise ContentError("parts is empty")
    if sorted(profiles) != sorted(metadata.pair_labels):
        raise ContentError("profiles are not those of the language pairs")
    scale = {
        name: (_number(value[0], "gain_scale"), _number(value[1], "gain_scale"))
        for name, value in _mapping(parts["gain_scale"], "gain_scale").items()
        if len(_list(value, "gain_scale")) == 2
    }
    if not scale or any(spread <= 0 for _, spread in scale.values()):
        raise ContentError("gain_scale is empty or not above zero")
    if profiles and scale.keys() != profiles.keys():
        raise ContentError("gain_scale is not of the language pairs")
    model = GainModel(mix, _number(parts["offset"], "offset"), scale)
    return Router(metadata, model, profiles, length_model, safeguards)


_PARTS = frozenset(
    {"metadata", "parts", "offset", "gain_scale", "profiles", "length_model", "safeguards"}
)


def _read_part(value: object, reader: _Reader) -> MixedPart:
    kind = value.get("kind") if isinstance(value, dict) else None
    common = {"name", "share", "scale", "kind", "intercept"}
    part: Part
    if kind == "trees":
        found = _keys(value, "a part", common | {"boosters", "scales", "curve"})
        boosters = reader.trees(found["boosters"])
        scales = _numbers(found["scales"], "scales")
        if not boosters or len(scales) != len(boosters):
            raise ContentError("a part has no boosters, or not a scale for each")
        intercept = _number(found["intercept"], "intercept")
        part = TreePart(boosters, scales, intercept, _read_curve(found["curve"]))
    elif kind == "text":
        found = _keys(value, "a part", common | {"file"})
        (weights,) = reader.columns(found["file"], "weights")
        part = TextPart(weights, _number(found["intercept"], "intercept"))
    elif kind == "probe":
        found = _keys(value, "a part", common | {"file"})
        centre, scale, weights = reader.columns(found["file"], "centre", "scale", "weights")
        part = ProbePart(centre, scale, weights, _number(found["intercept"], "intercept"))
    else:
        raise ContentError("a part is of an unknown kind")
    name = found["name"]
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 80:
        raise ContentError("a part has no name")
    return MixedPart(name, _number(found["share"], "share"), _number(found["scale"], "scale"), part)


def _read_curve(value: object) -> Curve | None:
    if value is None:
        return None
    found = _keys(value, "a curve", {"x", "y"})
    return Curve(_numbers(found["x"], "x"), _numbers(found["y"], "y"))


def _read_profile(value: object, reader: _Reader) -> PairProfile:
    found = _keys(value, "a profile", {"source_pieces", "target_pieces", "words", "scale"})
    source, target = reader.pieces(found["source_pieces"]), reader.pieces(found["target_pieces"])
    words = found["words"]
    table = None if words is None else WordTable.from_arrays(reader.arrays(words))
    centre, scale = reader.columns(found["scale"], "centre", "scale")
    shape = (len(FEATURE_NAMES),)
    if centre.shape != shape or scale.shape != shape or scale.min() <= 0:
        raise ContentError("the scale of a profile is not one of every feature above zero")
    return PairProfile(Background(source, target, table), centre, scale)


def _read_safeguards(value: object, reader: _Reader) -> Safeguards | None:
    if value is None:
        return None
    found = _keys(value, "safeguards", {"severe", "risk", "limits", "chooser", "quantiles"})
    risk = _keys(found["risk"], "risk", {"boosters", "constant", "lower_boosters"})
    model = RiskModel(
        boosters=reader.trees(risk["boosters"]),
        constant=_number(risk["constant"], "constant"),
        lower_boosters=reader.trees(risk["lower_boosters"]),
    )
    limits = [_read_limit(limit) for limit in _list(found["limits"], "limits")]
    chooser = _read_chooser(found["chooser"], reader)
    (quantiles,) = reader.columns(found["quantiles"], "quantiles", with_gaps=True)
    if quantiles.shape != (len(FEATURE_NAMES), QUANTILES):
        raise ContentError("the quantiles are not of every feature")
    return Safeguards(model, _number(found["severe"], "severe"), limits, chooser, quantiles)


def _read_limit(value: object) -> GuardLimit:
    found = _keys(value, "a limit", GuardLimit.__dataclass_fields__.keys())
    limit = found.pop("risk_limit")
    numbers = {name: _number(one, name) for name, one in found.items()}
    return GuardLimit(None if limit is None else _number(limit, "risk_limit"), **numbers)


def _read_chooser(value: object, reader: _Reader) -> Chooser | None:
    if value is None:
        return None
    found = _keys(value, "chooser", {"boosters", *_CHOOSER_NUMBERS})
    boosters = reader.trees(found["boosters"], chooser_names())
    if not boosters:
        raise ContentError("the chooser has no boosters")
    return Chooser(boosters, **{name: _number(found[name], name) for name in _CHOOSER_NUMBERS})


def _length_model(value: object) -> LengthModel:
    found = _keys(value, "length_model", LengthModel.__dataclass_fields__.keys())
    return LengthModel(**{name: _number(one, name) for name, one in found.items()})


def _keys(value: object, name: str, keys: Iterable[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping) or value.keys() != set(keys):
        raise ContentError(f"{name} has missing or unknown parts")
    return dict(value)


def _mapping(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > _MAX_LIST:
        raise ContentError(f"{name} is not an object")
    return value


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MAX_LIST:
        raise ContentError(f"{name} is not a list of at most {_MAX_LIST}")
    return value


def _numbers(value: object, name: str) -> list[float]:
    return [_number(one, name) for one in _list(value, name)]


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ContentError(f"{name} is not a number")
    # Written so that NaN fails too; an integer of JSON can be larger than any float.
    if not abs(value) <= _MAX_NUMBER:
        raise ContentError(f"{name} is out of range")
    return float(value)
