"""What a finished run left to read: its report and its page.

The name of a run folder, or of the output beside which it lies, goes in; the report and the page's
file come out. Nothing of the run is changed, and no process that works on it is disturbed. A copy
of the page replaces an earlier copy, never another file.
"""

from __future__ import annotations

import json
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.run.folder import SUFFIX, RunFiles, beside
from routelmt_cli.run.page.render import GENERATOR
from routelmt_cli.run.report import Report
from routelmt_cli.run.tiers import LARGE, SMALL
from routelmt_cli.run.whole_file import write_whole

_AGAIN = "run the same translate command again: nothing is paid twice"
_HEAD_BYTES = 2_000


def find_run(name: Path) -> RunFiles:
    """Find the run folder that is named, or that lies beside a named output.

    Raises
    ------
    UsageError
        There is none.
    """
    for path in (name, beside(name)):
        if path.name.endswith(SUFFIX) and path.is_dir():
            return RunFiles(path)
    raise UsageError(
        f"{name}: no run folder, and none beside it",
        hint="name an output of translate or its folder; 'routelmt runs list' shows them",
    )


def read_report(run: RunFiles) -> Report:
    """Read the report of a run.

    Raises
    ------
    UsageError
        There is none yet, or it cannot be read.
    """
    try:
        values: dict[str, Any] = _renewed(json.loads(run.report.read_text("utf-8")))
        report = Report(**values)
        if wrong := [one.name for one in fields(report) if not _fits(one, values.get(one.name))]:
            raise ValueError(f"{', '.join(wrong)} of another type")
        by_tier = (report.segments_by_tier, report.spend_by_tier_nanousd)
        if any(report.models.keys() - one.keys() for one in by_tier):
            raise ValueError("a tier has no figures")
        return report
    except FileNotFoundError:
        if run.stream_report.exists():
            raise UsageError(
                f"{run.path}: a stream has no page and no table",
                hint=f"its figures are in {run.stream_report}",
            ) from None
        raise UsageError(f"{run.path}: this run has no report yet", hint=_AGAIN) from None
    except OSError as error:
        raise UsageError(
            f"{run.report}: cannot be read: {error.strerror}", hint="make it readable"
        ) from error
    except (ValueError, TypeError) as error:
        # Damaged, or of another version.
        raise UsageError(f"{run.report}: not a report of this routelmt", hint=_AGAIN) from error


def _renewed(values: dict[str, Any]) -> dict[str, Any]:
    """Read a report of the time when there were two models as one of today."""
    if (
        not isinstance(values, dict)
        or "models" in values
        or not values.keys() >= {SMALL, LARGE, "router"}
    ):
        return values
    renewed = {**values}
    small, large, router = (renewed.pop(name) for name in (SMALL, LARGE, "router"))
    return {**renewed, "models": {SMALL: small, LARGE: large}, "routers": {LARGE: router}}


_NUMBER = (int, float)
_KINDS: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": _NUMBER,
    "int | None": (int, type(None)),
    "float | None": (*_NUMBER, type(None)),
    "str": str,
    "bool": bool,
    "dict[str, Any] | None": (dict, type(None)),
}
_IDENTITIES = "dict[str, dict[str, str]]"
_VALUES: dict[str, type | tuple[type, ...]] = {
    "dict[str, int]": int,
    "dict[str, float]": _NUMBER,
    "dict[str, str]": str,
}


def _fits(one: Field[Any], value: object) -> bool:
    """Say whether a value may stand in a field of the report, as far as it is shown."""
    kind = str(one.type)
    if kind == _IDENTITIES:
        identities = value.values() if isinstance(value, dict) else [None]
        return all(isinstance(own, dict) and isinstance(own.get("name"), str) for own in identities)
    if kind in _VALUES:
        inside = value.values() if isinstance(value, dict) else [None]
        return all(isinstance(part, _VALUES[kind]) for part in inside)
    return isinstance(value, _KINDS[kind])


def read_page(run: RunFiles) -> bytes:
    """Read the page of a run.

    Raises
    ------
    UsageError
        There is none, or it cannot be read.
    """
    try:
        return run.page.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{run.path}: this run has no page yet", hint=_AGAIN) from None
    except OSError as error:
        raise UsageError(
            f"{run.page}: cannot be read: {error.strerror}", hint="make it readable"
        ) from error


def copy_page(run: RunFiles, target: Path) -> None:
    """Write the page of a run somewhere else.

    Raises
    ------
    UsageError
        It cannot be written there, or another file stands there.
    MidRunError
        The disk refuses.
    """
    page = read_page(run)
    if target.is_dir():
        raise UsageError(f"{target}: is a folder", hint="name a file with -o")
    if not target.parent.is_dir():
        raise UsageError(
            f"{target}: its folder does not exist", hint=f"make it first: mkdir -p {target.parent}"
        )
    if target.is_symlink() or (target.exists() and not _is_page(target)):
        raise UsageError(
            f"{target}: exists and is no page of routelmt", hint="name another file with -o"
        )
    try:
        with write_whole(target, hidden=True) as file:
            file.write(page)
    except MidRunError as error:
        raise UsageError(error.message, hint="name another place with -o") from error


def _is_page(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return f'<meta name="generator" content="{GENERATOR} '.encode() in file.read(
                _HEAD_BYTES
            )
    except OSError:
        return False
