"""``translate`` and ``plan`` without ``--from``: the corpus tells which language it is in."""

from __future__ import annotations

import json

import pytest
from made_routers import of_another_pair, prior_of
from made_texts import texts

from routelmt_cli.gain import catalogue
from routelmt_cli.gain.bundle import load_bundle, save_bundle
from routelmt_cli.run import setup, source_language

pytest.importorskip("py3langid", reason="needs the extra: pip install '.[detect]'")

BUDGET = ("--budget", "0.01")


@pytest.fixture(autouse=True)
def shipped(tmp_path_factory, monkeypatch, stand_ins):
    """Ship one router of the stand-ins, for two pairs, and a prior."""
    folder = tmp_path_factory.mktemp("models")
    router = load_bundle(stand_ins.router)
    save_bundle(of_another_pair(router, ("de", "en"), ("es", "en")), folder / "two.router")
    save_bundle(prior_of(router), folder / "prior.router")
    monkeypatch.setattr(catalogue, "models_folder", lambda: folder)


@pytest.fixture
def write(shell):
    """Write a corpus of some texts."""

    def to(lines, name="in.txt"):
        (shell.folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")

    return to


@pytest.fixture
def command(stand_ins):
    """Name a subcommand, the corpus and the models."""

    def of(name, *arguments, corpus="in.txt"):
        return [name, corpus, "--small", stand_ins.small, "--large", stand_ins.large, *arguments]

    return of


def _identity(folder):
    return json.loads((folder / "run.json").read_text("utf-8"))["identity"]


def test_the_corpus_decides_where_routers_do_not(shell, write, command):
    write([*texts("es", 57), *texts("ca", 5)])  # seven of which have no letters
    result = shell.run(*command("translate", "--to", "en", *BUDGET))
    assert result.code == 0, result.stderr
    assert "source language: es (detected in 55 segments, 100.0% sure)" in result.error_lines
    (warning,) = [line for line in result.error_lines if "mixed" in line]
    assert "% es, " in warning and "% ca; all of it is translated as es" in warning
    assert "languages: es to en" in result.error_lines
    folder = shell.folder / "in.en.txt.routelmt"
    assert _identity(folder)["source language (--from)"] == "es"
    # The same as if it had been named, and another is refused.
    assert shell.run(*command("translate", "--from", "es", "--to", "en", *BUDGET)).code == 0
    other = shell.run(*command("translate", "--from", "de", "--to", "en", *BUDGET))
    assert other.code == 2 and "another source language (--from)" in other.stderr


def test_what_is_known_is_not_detected(shell, write, command, stand_ins, monkeypatch):
    monkeypatch.setattr(source_language, "detect_language", None)
    write(texts("es", 20))
    named = shell.run(*command("translate", "--from", "de", "--to", "en", *BUDGET))
    routers = shell.run(*command("translate", "--router", stand_ins.router, *BUDGET))
    assert (named.code, routers.code) == (0, 0), routers.stderr
    assert "source language" not in named.stderr + routers.stderr
    assert _identity(shell.folder / "in.de.txt.routelmt")["source language (--from)"] == "en"


def test_a_run_goes_on_in_the_language_that_it_was_begun_with(
    shell, write, command, monkeypatch, read_ledger
):
    write(texts("pt", 40))
    plan = shell.run(*command("plan", "--to", "en", *BUDGET, "--json"))
    assert plan.code == 0, plan.stderr
    before = read_ledger(shell.folder / "in.en.txt.routelmt").bought
    monkeypatch.setattr(source_language, "detect_language", None)
    for more in (["--dry-run"], []):
        result = shell.run(*command("translate", "--to", "en", *BUDGET, *more))
        assert result.code == 0, result.stderr
        assert "source language: pt (as this run was begun)" in result.error_lines
    after = read_ledger(shell.folder / "in.en.txt.routelmt").bought
    assert before.items() < after.items()


def test_from_a_pipe_too(shell, command):
    text = "".join(f"{line}\n" for line in texts("de", 12)).encode()
    run = command("translate", "--to", "en", "--format", "text", *BUDGET, corpus="-")
    first, second = (shell.run(*run, stdin=text) for _ in range(2))
    assert (first.code, first.stdout) == (second.code, second.stdout) == (0, first.stdout)
    assert first.stdout.count(b"\n") == 12
    assert "source language: de (detected" in second.stderr
    assert len(list((shell.cache / "runs").iterdir())) == 1


@pytest.mark.parametrize(
    ("lines", "error", "hint"),
    [
        (["OK"], "in.txt: cannot tell the source language: ", "add --from CODE, such as"),
        (texts("en", 20), "in.txt seems to be in en already, the target language", "add --from"),
        (["", "1"], "in.txt: there is no text to tell the source language by", "add --from"),
    ],
)
def test_what_cannot_be_told(shell, fails, write, command, lines, error, hint):
    write(lines)
    for name in ("translate", "plan"):
        found = fails(*command(name, "--to", "en", *BUDGET))
        assert error in found[0] and hint in found[1]
    assert [path.name for path in shell.folder.iterdir()] == ["in.txt"]


def test_without_the_extra_the_languages_are_to_be_named(fails, write, command, monkeypatch):
    write(texts("es", 20))
    monkeypatch.setattr(source_language, "can_detect", lambda: False)
    error, hint = fails(*command("translate", "--to", "en", *BUDGET))
    assert "the languages are not given and no single shipped router tells them" in error
    assert "--from es" in hint and setup.INSTALL in hint
    error, hint = fails(*command("translate", "--to", "fr", *BUDGET))
    assert setup.INSTALL in hint
