"""The documentation says what the program does: its commands exist, its reference is its help."""

from __future__ import annotations

import html
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from routelmt_cli.features import background, decoding, draft, source
from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.guard import REASONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted(DOCS.glob("*.md"))]
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`(routelmt [^`\n]+)`(?!`)")
# A command line ends where the shell would end it; 'list|clean', without blanks, are two commands.
CALL = re.compile(r"(?:^|[|;&'\"`=\s])(routelmt(?: (?:[^|;&#\n]|(?<=\w)\|(?=\w))*)?)")
SCRIPT = re.compile(r"python ((?:benchmarks|docs/_make)/\w+\.py)([^`|;&#\n]*)")
ADDED = re.compile(r"add_argument\(\s*\"(--[a-z-]+)\"")
OPTION = re.compile(r"(?<!`)`(?:[a-z]+ )?(--[a-z][a-z-]*)[^`\n]*`(?!`)")
NEEDS_TYPER = pytest.mark.skipif(
    not typer.__version__.startswith("0.29."), reason="help looks otherwise in another typer"
)
MADE = runpy.run_path(str(DOCS / "_make" / "reference.py"))
ROOT_COMMAND = typer.main.get_command(MADE["app"])
TREE = dict(MADE["walk"](ROOT_COMMAND))
HELP = frozenset(ROOT_COMMAND.context_settings["help_option_names"])


def calls(path):
    """Find the command lines of a page."""
    text = path.read_text("utf-8")
    code = "\n".join([*BLOCK.findall(text), *INLINE.findall(text)])
    return [match.strip() for match in CALL.findall(code.replace("\\\n", " "))]


def test_pages_show_commands():
    shown = {path.name for path in PAGES if calls(path)}
    assert {"README.md", "quickstart.md", "own-pair.md", "cookbook.md", "faq.md"} <= shown


def options(name):
    """Return the options of a command, as the command line's own parser knows them."""
    known = [p for p in TREE[name].params if p.param_type_name == "option" and not p.hidden]
    return HELP.union(*(p.opts for p in known), *(p.secondary_opts for p in known))


def fault(call):
    """Say what a command line has that the program has not, '' for nothing; runs nothing."""
    name, words = (), call.split()[1:]
    while words and hasattr(TREE[name], "commands"):
        word, *below = words
        if word.startswith(("-", "[")) or word.strip("[].").isupper() or not word.strip("."):
            break  # an option of the group's own, or a word that stands for any command
        *others, last = word.split("|")
        for each in (*others, last):
            if (*name, each) not in TREE:
                return f"no command '{' '.join((*name, each))}'"
        name, words = (*name, last), below
    used = {word.strip("[]").split("=")[0] for word in words if re.match(r"\[?--?[a-zA-Z]", word)}
    return ", ".join(f"no option '{word}'" for word in sorted(used - options(name)))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_command_and_option_that_a_page_shows_exists(path):
    for call in calls(path):
        assert not fault(call), f"{path.name}: {call}: {fault(call)}"


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("routelmt", ""),
        ("routelmt COMMAND --help", ""),
        ("routelmt models ...", ""),
        ("routelmt runs list|clean", ""),
        ("routelmt translate IN [-o OUT] --budget=5 -q", ""),
        ("routelmt transalte in.tsv", "no command 'transalte'"),
        ("routelmt models pulll x", "no command 'models pulll'"),
        ("routelmt runs list|claen", "no command 'runs claen'"),
        ("routelmt translate in.tsv --bugdet 5", "no option '--bugdet'"),
        ("routelmt report out.tsv --budget 5", "no option '--budget'"),
        ("routelmt --budget 5", "no option '--budget'"),
    ],
)
def test_a_command_or_option_that_is_not_there_is_found(call, found):
    assert fault(call) == found


def script_options(path):
    """Return the options that a script adds to its parser."""
    return {"--help", *ADDED.findall(path.read_text("utf-8"))}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_script_that_a_page_runs_exists_with_its_options(path):
    for script, arguments in SCRIPT.findall(path.read_text("utf-8").replace("\\\n", " ")):
        assert (ROOT / script).is_file(), f"{path.name}: {script}"
        used = set(re.findall(r"(?<!\S)--[a-z-]+", arguments))
        assert used <= script_options(ROOT / script), f"{path.name}: {script} {arguments}"


def test_every_option_that_a_page_names_is_some_commands():
    scripts = [*ROOT.glob("benchmarks/*.py"), *DOCS.glob("_make/*.py")]
    known = frozenset().union(*map(options, TREE), *map(script_options, scripts))
    for path in PAGES:
        named = set(OPTION.findall(path.read_text("utf-8")))
        assert named <= known, path.name


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


def test_the_router_page_counts_the_features_that_there_are():
    groups = (source, background, draft, decoding)
    page = (DOCS / "router.md").read_text("utf-8")
    shown = [int(count) for count in re.findall(r"^\| of .* \| (\d+) \|", page, re.MULTILINE)]
    assert shown == [len(group.NAMES) for group in groups]
    assert f"{len(FEATURE_NAMES)} numbers a segment" in page


def test_the_questions_explain_every_reason_of_the_guard():
    page = (DOCS / "faq.md").read_text("utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| `guard: ...`"))
    assert tuple(re.findall(r"`(\w+)`", row)) == REASONS


def test_the_pictures_are_of_the_readmes_figures():
    pictures = runpy.run_path(str(DOCS / "_make" / "figures.py"))["pictures"]()
    assert set(pictures) == {path.name for path in DOCS.glob("images/*.svg")} - {
        "demo.svg",
        "plan.svg",
    }
    for name, drawn in pictures.items():
        again = f"{name}: run python docs/_make/figures.py"
        assert drawn == (DOCS / "images" / name).read_text("utf-8"), again


def test_the_picture_of_the_demo_says_what_the_readme_says():
    terminal = runpy.run_path(str(DOCS / "_make" / "terminal.py"))

    def words(drawn):  # another Rich may draw otherwise, but it writes the same
        inner = re.findall(r"<text class=\"routelmt-r[^>]*>([^<]*)<", drawn)
        return html.unescape(" ".join(inner)).split()

    drawn = (DOCS / "images" / "demo.svg").read_text("utf-8")
    assert "http" not in re.sub(r"xmlns(?::\w+)?=\S+", "", drawn).split("<style>")[1]
    again = "run python docs/_make/terminal.py > docs/images/demo.svg"
    assert words(drawn) == ["$", "make", "demo", *terminal["demo"]().split()], again


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
