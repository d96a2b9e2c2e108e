"""Ladders: several routers that were calibrated together, as one folder.

Routers go in and come out, one for each tier that retranslates, all of them for the same model that
drafts; and, where one tier does, perhaps a second one of it that looks at probes in the place of
drafts. ``NAME.router/`` holds ``ladder.json``, which lists the folders beside it and says how the
tiers' predictions are blended (:mod:`routelmt_cli.gain.blending`), and each folder is a whole
bundle of :mod:`routelmt_cli.gain.bundle`; that of a tier can be used on its own. A single router is
that bundle itself. What always holds: as of bundles.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from routelmt_cli.errors import UsageError
from routelmt_cli.gain.blending import Blend
from routelmt_cli.gain.bundle import (
    DESCRIPTION,
    LADDER,
    NOTES,
    bundle_files,
    load_bundle,
    read_plain,
    refuse_file,
    save_bundle,
    save_files,
)
from routelmt_cli.gain.router import Router

MOST_ROUTERS = 7

ROUTE, PROBE = "route", "probe"
"""What a bundle's figures say of a router that looks at probes."""

_FORMAT = "routelmt ladder"
_VERSION = 1
_MOST_BYTES = 1 << 12
_PROBING = "probing.router"
_NAME = re.compile(r"tier-[1-9]\.router")
_LARGEST = 1e6


@dataclass(frozen=True)
class Ladder:
    """Routers that were calibrated together.

    Attributes
    ----------
    routers
        One for each tier that retranslates, in the order of the tiers.
    blends
        One for each router, over the predictions of all; none where there is one router.
    probing_router
        The only tier's router of segments that are not drafted; None where none was calibrated.
    """

    routers: Sequence[Router]
    blends: Sequence[Blend] = ()
    probing_router: Router | None = None


def save_ladder(ladder: Ladder, path: Path, *, overwrite: bool = False) -> None:
    """Write a single router as a bundle, several as a ladder; whole or not at all.

    Parameters
    ----------
    ladder
        What to write.
    path, overwrite
        As of ``save_files``.

    Raises
    ------
    UsageError
        As of ``save_files``.
    """
    routers = ladder.routers
    if len(routers) == 1 and ladder.probing_router is None:
        save_bundle(routers[0], path, overwrite=overwrite)
        return
    names = [f"tier-{number}.router" for number in range(1, len(routers) + 1)]
    description = {
        "format": _FORMAT,
        "format_version": _VERSION,
        "routers": names,
        "blends": [asdict(blend) for blend in ladder.blends],
    }
    named = dict(zip(names, routers, strict=True))
    if ladder.probing_router is not None:
        description["probing"] = _PROBING
        named[_PROBING] = ladder.probing_router
    files = {LADDER: json.dumps(description, indent=1).encode() + b"\n"}
    for name, router in named.items():
        files |= {f"{name}/{file}": content for file, content in bundle_files(router).items()}
    save_files(files, path, overwrite=overwrite)


def load_ladder(path: Path) -> Ladder:
    """Read a bundle or a ladder, trusting nothing in it.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    UsageError
        It is not there, damaged, of another version, or not of the form that routelmt writes.
    """
    file = path / LADDER
    if not file.is_file() or (path / DESCRIPTION).exists():
        return Ladder([load_bundle(path)])
    try:
        value = json.loads(read_plain(file, _MOST_BYTES).decode("utf-8"))
    except (ValueError, RecursionError):
        refuse_file(file, "is not JSON")
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        refuse_file(file, "does not describe a ladder of routers")
    if value.get("format_version") != _VERSION:
        refuse_file(file, f"is not of version {_VERSION}", "install the routelmt that wrote it")
    names, probing = value.get("routers"), value.get("probing")
    if probing not in (None, _PROBING):
        refuse_file(file, "names a router of probes of no known kind")
    least = 2 if probing is None else 1
    if not isinstance(names, list) or not least <= len(names) <= MOST_ROUTERS:
        refuse_file(file, f"routers is not a list of {least} to {MOST_ROUTERS}")
    if probing is not None and len(names) > 1:
        refuse_file(file, "has a router of probes beside several tiers")
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        refuse_file(file, "routers holds a name of no known kind")
    listed = names if probing is None else [*names, probing]
    found = {one.name for one in path.iterdir() if not one.name.startswith(".")}
    for name in sorted(found - {LADDER, NOTES, *listed}):
        refuse_file(path / name, f"is not listed in {LADDER}", "remove it, or get a new copy")
    for name in listed:
        if (path / name).is_symlink():
            refuse_file(path / name, "is a link")
    routers = [load_bundle(path / name) for name in listed]
    first = routers[0].metadata
    for router in routers:
        if (router.metadata.small, router.metadata.pairs) != (first.small, first.pairs):
            refuse_file(file, "lists routers of several models that draft, or of other languages")
    if probing is not None:
        safeguards = routers[-1].safeguards
        chooses = safeguards is not None and safeguards.chooser is not None
        if routers[-1].metadata.large != first.large or not looks_at_probes(routers[-1]) or chooses:
            refuse_file(file, "lists a router of probes that is none of its tier")
        return Ladder(routers[:1], (), routers[-1])
    return Ladder(routers, _blends(value.get("blends"), len(routers), file))


def load_router(path: str | Path) -> Router:
    """Read the only router of drafts that a folder holds, trusting nothing in it.

    Parameters
    ----------
    path
        A bundle, or a folder of one with a router of probes beside it.

    Raises
    ------
    UsageError
        As of ``load_ladder``; or it is a router of probes, or there are several.
    """
    path = Path(path)
    routers = load_ladder(path).routers
    if len(routers) > 1:
        raise UsageError(
            f"router {path} is a ladder, with a router for each of several tiers",
            hint=f"name one of them, such as {path / 'tier-1.router'}",
        )
    refuse_probes(routers[0], path)
    return routers[0]


def refuse_probes(router: Router, path: Path) -> None:
    """Refuse a router of probes where drafts are looked at.

    Raises
    ------
    UsageError
        It is one.
    """
    if looks_at_probes(router):
        raise UsageError(
            f"{path}: this router looks at probes, which a run has only with --route probe",
            hint=f"name the folder that it lies in: {path.parent}",
        )


def looks_at_probes(router: Router) -> bool:
    """Say whether a router was calibrated on probes in the place of drafts."""
    return router.metadata.figures.get(ROUTE) == PROBE


def _blends(value: object, routers: int, file: Path) -> list[Blend]:
    """Check the weights of a stranger's ladder."""
    blends = []
    for one in value if isinstance(value, list) else ():
        weights = one.get("weights") if isinstance(one, dict) else None
        numbers = [*weights, one.get("intercept")] if isinstance(weights, list) else []
        # Written so that NaN fails too.
        if len(numbers) != routers + 1 or not all(
            type(number) in (int, float) and abs(number) <= _LARGEST for number in numbers
        ):
            refuse_file(file, "holds a blend that is not a number for each router")
        blends.append(Blend(tuple(map(float, numbers[:-1])), float(numbers[-1])))
    if len(blends) != routers:
        refuse_file(file, "does not hold a blend for each router")
    return blends
