"""The documentation says what the program does: its commands exist, its reference is its help."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted(DOCS.glob("*.md"))]
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`(routelmt [^`\n]+)`(?!`)")
CALL = re.compile(r"(?:^|[|;&'\"`=\s])(routelmt(?: [^|;&#\n]*)?)")
NEEDS_TYPER = pytest.mark.skipif(
    not typer.__version__.startswith("0.29."), reason="help looks otherwise in another typer"
)
MADE = runpy.run_path(str(DOCS / "_make" / "reference.py"))
NAMES = set(MADE["names"](typer.main.get_command(MADE["app"])))


def calls(path):
    """Find the command lines of a page."""
    text = path.read_text("utf-8")
    code = "\n".join([*BLOCK.findall(text), *INLINE.findall(text)])
    return [match.strip() for match in CALL.findall(code.replace("\\\n", " "))]


def test_pages_show_commands():
    shown = {path.name for path in PAGES if calls(path)}
    assert {"README.md", "quickstart.md", "own-pair.md", "cookbook.md", "faq.md"} <= shown


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_and_option_that_a_page_shows_exists(path, shell):
    @cache
    def options_of(name):
        return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", shell.run(*name, "--help").text))

    for call in calls(path):
        words = call.split()[1:]
        name = max((name for name in NAMES if tuple(words[: len(name)]) == name), key=len)
        rest = words[len(name) :]
        if not name:
            known = {"--version", "--help", "--install-completion", "--show-completion"}
            assert all(word in known or word.isupper() for word in rest), f"{path.name}: {call}"
            continue
        used = {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert used <= options_of(name), f"{path.name}: {call}"


@NEEDS_TYPER
def test_the_reference_is_the_programs_help(shell):
    def show(name):
        text = shell.run(*name, "--help").text
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    written = (DOCS / "reference.md").read_text("utf-8")
    again = "run python docs/_make/reference.py > docs/reference.md"
    assert MADE["reference"](show) == written, again


def test_every_link_to_a_file_leads_to_one():
    for path in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_figure_is_of_the_readmes_figures():
    figures = runpy.run_path(str(DOCS / "_make" / "figures.py"))
    drawn = (DOCS / "images" / "routing.svg").read_text("utf-8")
    assert figures["bars"](figures["figures"]()) == drawn


def test_the_site_builds_and_fetches_nothing(tmp_path, monkeypatch):
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir"]
    built = subprocess.run([*command, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    for path in DOCS.glob("*.md"):
        page = (tmp_path / f"{path.stem}.html").read_text("utf-8")
        assert not re.findall(r"<(?:script|img|iframe)[^>]+src=.?https?:", page)
        assert not re.findall(r"<link[^>]+rel=.?(?:stylesheet|preconnect)[^>]+https?:", page)
