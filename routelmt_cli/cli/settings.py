"""Values of options that a file or the environment gives, so that they need not be typed.

In: ``routelmt.toml`` of the user's folder and of the working folder, variables named ROUTELMT_...,
and the commands with their options. Out: for each command the values that stand where the command
line says nothing, each with its origin. Always: a variable goes before the working folder's file,
and that before the user's file; in each of them what is meant for one command goes before what is
meant for all. What pays again, replaces files or answers for the user can only be typed.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.user_folder import config_folder

FILE_NAME = "routelmt.toml"
COMMANDS = ("translate", "plan", "calibrate", "evaluate")
"""The commands whose options can be set."""

_RUNNING = COMMANDS[:3]  # what holds for all is of runs; evaluate is asked other questions
_TYPED_ALONE = frozenset(["output", "restart", "overwrite", "dry-run", "force-router", "help"])
# Without a budget, plan and calibrate do something else: it is never meant for them by the way.
_OF_TRANSLATE_ALONE = frozenset(["budget", "share", "explain"])
# Too particular to a command to hold for all of them.
_FOR_ALL = frozenset(
    (
        *("small", "large", "tier", "router", "from", "to", "format", "source-column", "no-header"),
        *("engine", "address"),
        *("weight", "pin", "guard", "max-hours", "no-protect", "deterministic", "quiet", "verbose"),
        *_OF_TRANSLATE_ALONE,
    )
)
_PATHS = frozenset(["small", "large", "tier", "router", "score-with", "prior"])
_MAX_FILE_BYTES = 1 << 16
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class Setting:
    """The value of an option.

    Attributes
    ----------
    key
        The option's name without its dashes.
    value
        As the command line's parser takes it.
    origin
        The file or the variable that gives it; None where it is the default.
    """

    key: str
    value: Any
    origin: str | None


Settings = Mapping[str, Mapping[str, Setting]]
"""By command, by the name of the parameter."""


def files() -> tuple[Path, Path]:
    """Return the files that are looked for: the user's, and the working folder's."""
    return config_folder() / FILE_NAME, Path(FILE_NAME)


def options_of(command: Any) -> dict[str, Any]:
    """Return the options of a command that can be set, by their names without dashes."""
    found = {
        max(option.opts, key=len).lstrip("-"): option
        for option in command.params
        if option.param_type_name == "option"
    }
    return {key: option for key, option in found.items() if key not in _TYPED_ALONE}


def read_settings(group: Any) -> Settings:
    """Read both files and the environment.

    Parameters
    ----------
    group
        The command ``routelmt`` with its subcommands, as typer makes it.

    Raises
    ------
    UsageError
        A file cannot be read, or names something that cannot be set, or gives it another type.
    """
    options = {name: options_of(group.commands[name]) for name in COMMANDS}
    found: dict[str, dict[str, Setting]] = {name: {} for name in COMMANDS}
    for origin, entries in (*map(_entries, files()), ("", _variables(options))):
        for where in (None, *COMMANDS):  # what is meant for one command goes before
            for entry in entries:
                if entry.command == where:
                    _take(entry, origin, options, found)
    return found


def default_map(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the values as click takes them."""
    return {
        command: {name: one.value for name, one in values.items()}
        for command, values in settings.items()
    }


def origin_of(values: Mapping[str, Setting], message: str, typed: Sequence[str]) -> str | None:
    """Say where an option that an error names was set, None where it was typed or is not named."""
    words = {word.partition("=")[0] for word in typed}
    for one in values.values():
        named = re.search(rf"--{re.escape(one.key)}(?![\w-])", message)
        if named and f"--{one.key}" not in words:
            return f"--{one.key} is set in {one.origin}"
    return None


@dataclass(frozen=True)
class _Entry:
    """One value of a file or the environment, and the one command that it is meant for."""

    command: str | None
    key: str
    value: Any
    place: str


def _entries(path: Path) -> tuple[str, list[_Entry]]:
    origin = str(path)
    entries = []
    for key, value in _data(path).items():
        if not isinstance(value, dict):
            entries.append(_Entry(None, _dashed(key), _at(path, key, value), f"{origin}: '{key}'"))
            continue
        if key not in COMMANDS:
            raise UsageError(
                f"{origin}: there is no section [{key}]", hint=f"one of {', '.join(COMMANDS)}"
            )
        entries += [
            _Entry(key, _dashed(inner), _at(path, inner, one), f"{origin}: [{key}] '{inner}'")
            for inner, one in value.items()
        ]
    return origin, entries


def _data(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UsageError(f"{path}: too large for a file of settings")
        return dict(tomllib.loads(path.read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"{path}: cannot read these settings: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error


def _at(path: Path, key: str, value: Any) -> Any:
    """Take a path as it is seen from the file's folder; ``~`` is the user's home."""
    if isinstance(value, list):
        return [_at(path, key, one) for one in value]
    if _dashed(key) not in _PATHS or not isinstance(value, str):
        return value
    if "/" not in value and not value.endswith((".toml", ".router")):
        return value  # a name
    return str(path.parent / Path(value).expanduser())


def _variables(options: Mapping[str, Mapping[str, Any]]) -> list[_Entry]:
    known = [(None, key) for key in sorted({key for keys in options.values() for key in keys})]
    known += [(command, key) for command, keys in options.items() for key in keys]  # type: ignore[misc]
    entries = []
    for command, key in known:
        if command is None and key not in _FOR_ALL:
            continue
        name = "_".join(["ROUTELMT", *([command] if command else []), key]).upper()
        name = name.replace("-", "_")
        if value := os.environ.get(name):
            entries.append(_Entry(command, key, value, name))
    return entries


def _take(
    entry: _Entry,
    origin: str,
    options: Mapping[str, Mapping[str, Any]],
    found: dict[str, dict[str, Setting]],
) -> None:
    """Put an entry where it holds."""
    taken = False
    for command in _holds_for(entry):
        option = options[command].get(entry.key)
        if option is not None:
            taken = True
            value = _typed(entry, option, from_text=not origin)
            found[command][option.name] = Setting(entry.key, value, origin or entry.place)
    if not taken:
        raise _unknown(entry, options)


def _holds_for(entry: _Entry) -> Iterator[str]:
    if entry.command is not None:
        yield entry.command
    elif entry.key in _OF_TRANSLATE_ALONE:
        yield COMMANDS[0]
    elif entry.key in _FOR_ALL:
        yield from _RUNNING


def _unknown(entry: _Entry, options: Mapping[str, Mapping[str, Any]]) -> UsageError:
    if entry.key in _TYPED_ALONE:
        return UsageError(
            f"{entry.place} can only be given on the command line", hint="take it out of the file"
        )
    known = _FOR_ALL if entry.command is None else options[entry.command].keys()
    close = difflib.get_close_matches(entry.key, known, 1)
    sections = [name for name in COMMANDS if entry.key in options[name]]
    if entry.command is None and sections:
        hint = f"put it under [{sections[0]}]"
    else:
        hint = f"did you mean '{close[0]}'?" if close else f"one of {', '.join(sorted(known))}"
    return UsageError(f"{entry.place} is no setting", hint=hint)


def _typed(entry: _Entry, option: Any, *, from_text: bool) -> Any:
    """Check a value's type where click would make do with any."""
    value = entry.value
    if option.is_flag:
        if from_text and value.lower() in (*_YES, *_NO):
            return value.lower() in _YES
        if not isinstance(value, bool):
            raise UsageError(f"{entry.place} must be true or false")
        return value
    values = value if isinstance(value, list) and option.multiple else [value]
    if not all(isinstance(one, (str, int, float)) and not isinstance(one, bool) for one in values):
        raise UsageError(f"{entry.place} must be a text or a number")
    texts = [str(one) for one in values]
    return texts if option.multiple else texts[0]


def _dashed(key: str) -> str:
    return key.replace("_", "-")
