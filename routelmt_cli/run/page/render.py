"""Put a run's page together: the template, its style and its script, in one file.

A page's values go in, HTML goes out. What always holds: every value is escaped by the template
engine and shows signs that cannot be seen by their names, pictures apart, which hold numbers
alone; the page refers to nothing outside itself, and its content security policy runs no script
and applies no style but its own, by their checksums.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from routelmt_cli.run.page.data import GROUPS, Page
from routelmt_cli.run.page.text import in_plain_sight
from routelmt_cli.run.whole_file import write_whole

if TYPE_CHECKING:
    import jinja2

GENERATOR = "routelmt"
"""What the page says that it was made by."""

_FOLDER = files(__package__ or "routelmt_cli.run.page")


def render(page: Page) -> str:
    """Return the page as HTML."""
    from markupsafe import Markup

    style, script = _read("report.css"), _read("report.js")
    # Ours, or made of numbers alone.
    trusted = {
        name: Markup(text)
        for name, text in (
            ("style", style),
            ("script", script),
            ("curve", page.curve),
            ("histogram", page.histogram),
        )
    }
    policy = (
        f"default-src 'none'; style-src '{_checksum(style)}'; script-src '{_checksum(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _template().render(
        page=page, groups=GROUPS, policy=policy, generator=GENERATOR, **trusted
    )


def save(page: Page, path: Path) -> None:
    """Write the page, whole."""
    with write_whole(path) as file:
        file.write(render(page).encode("utf-8"))


def _finalized(value: object) -> object:
    """Name what cannot be seen, in every text that reaches the page; our own markup has none."""
    return in_plain_sight(value) if type(value) is str else value


@cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(_read("report.html.j2"))


@cache
def _read(name: str) -> str:
    return _FOLDER.joinpath(name).read_text("utf-8")


def _checksum(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
