"""Nothing that a file, a name or a corpus holds reaches the terminal as it is."""

from __future__ import annotations

import json
import os
import pty
import shutil
import sys

import pytest
from made_given import COLUMNS, given_rows, write_rows
from made_up import write_card

from routelmt_cli.cli import models

ESCAPE = "\x1b[31m\x9b2J\x07\u202e"
SHOWN = "\N{REPLACEMENT CHARACTER}[31m"


def assert_harmless(result):
    lines = (result.stdout.decode("utf-8") + result.stderr).split("\n")
    assert all(line.isprintable() for line in lines), lines
    assert "Traceback" not in result.stderr


NAMES = {
    "a corpus that is not there": ["translate", f"no{ESCAPE}.tsv"],
    "a format": ["translate", "in.tsv", "--format", ESCAPE],
    "a column": ["translate", "in.tsv", "--source-column", ESCAPE],
    "a card": ["translate", "in.tsv", "--small", f"no{ESCAPE}"],
    "a language": ["translate", "in.tsv", "--to", f"x{ESCAPE}"],
    "a router": ["translate", "in.tsv", "--router", f"no{ESCAPE}.router"],
    "an output": ["translate", "in.tsv", "-o", f"no/{ESCAPE}"],
    "a word": ["translate", "in.tsv", ESCAPE],
    "an option": ["translate", "in.tsv", f"--{ESCAPE}"],
    "a command": [ESCAPE],
    "a card to check": ["models", "check", f"{ESCAPE}.toml"],
}


@pytest.mark.parametrize("arguments", NAMES.values(), ids=NAMES.keys())
def test_names_in_errors(shell, corpus, arguments):
    budget = ["--budget", "1"] if arguments[0] == "translate" else []
    result = shell.run(*arguments, *budget)
    assert result.code == 2
    assert_harmless(result)


CORPORA = {
    "column names": ("in.tsv", f"{ESCAPE}\tb\n1\t2\n"),
    "column names twice": ("in.tsv", f"source\t{ESCAPE}\t{ESCAPE}\n1\t2\t3\n"),
    "keys": ("in.jsonl", json.dumps({ESCAPE: 1}) + "\n"),
    "raw control characters in JSON": ("in.jsonl", f'{{"source": "{ESCAPE}"}}\n'),
    "a key twice": ("in.jsonl", '{"source": "a", "\\u001b[31m": 1, "\\u001b[31m": 2}\n'),
    "half a surrogate pair": ("in.jsonl", '{"source": "a", "\\ud800": 1, "tier": "\\udfff"}\n'),
}


@pytest.mark.parametrize(("name", "text"), CORPORA.values(), ids=CORPORA.keys())
def test_what_errors_quote_of_a_corpus(shell, translate_fails, name, text):
    (shell.folder / name).write_text(text, "utf-8")
    error, hint = translate_fails(name)
    assert (error + (hint or "")).isprintable()


def test_scores_that_are_no_numbers(shell, fails):
    rows = given_rows()
    rows[3]["cx"] = f"1{ESCAPE}"
    write_rows(shell.folder / "given.tsv", rows)
    scores = ["--draft-score", "cx", "--retranslation-score", "cy"]
    command = ["calibrate", "given.tsv", *COLUMNS, *scores, "--from", "en", "--to", "de"]
    error, _ = fails(*command, "-o", "a.router")
    assert "given.tsv line 5 has no number in column 'cx'" in error
    assert error.isprintable()


def test_where_the_output_goes(shell, stand_ins, corpus):
    corpus.rename(shell.folder / f"in{ESCAPE}.tsv")
    result = shell.run("translate", f"in{ESCAPE}.tsv", *stand_ins.options(), "--budget", "1")
    assert result.code == 0
    assert f"writing to in{SHOWN}" in result.stderr
    assert_harmless(result)


@pytest.mark.parametrize("name", ["[bold red]x[/]", "[/nothing]", "[link=http://a.example]y"])
def test_the_name_of_a_model_is_no_markup(shell, stand_ins, corpus, name):
    card = write_card(shell.folder / "small.toml", "small")
    card.write_text(card.read_text().replace("stand-in-small", name))
    options = [*stand_ins.options(), "--small", "small.toml", "--force-router", "--budget", "1"]
    result = shell.run("translate", "in.tsv", *options)
    assert result.code == 0, result.stderr
    assert f"small ({name})" in result.stderr


def test_the_name_of_a_model_is_printable(shell, fails, corpus):
    card = write_card(shell.folder / "small.toml", "small")
    card.write_text(card.read_text().replace("stand-in-small", "\\u001b[31m"))
    error, _ = fails("translate", "in.tsv", "--small", "small.toml", "--budget", "1")
    assert error == "error: small.toml: 'name' must be 1 to 200 printable characters"


def test_a_routers_words_are_printable(shell, stand_ins, translate_fails, corpus):
    shutil.copytree(stand_ins.router, shell.folder / "bad.router")
    file = shell.folder / "bad.router" / "router.json"
    data = json.loads(file.read_text("utf-8"))
    data["metadata"]["provenance"] = ESCAPE
    file.write_text(json.dumps(data), "utf-8")
    error, _ = translate_fails("in.tsv", "--router", "bad.router")
    assert "provenance is not printable text" in error


@pytest.fixture
def card_with_escapes(shell):
    """Write a card with what TOML allows of terminal escapes: those beyond ASCII."""
    card = write_card(shell.folder / "mine.toml", "small")
    card.write_text(f"# \x9b31m \u202e\t.\r\n{card.read_text()}", "utf-8", newline="")
    return card


def test_a_card_is_shown_as_it_is_to_a_pipe(shell, card_with_escapes):
    result = shell.run("models", "show", "mine.toml")
    assert result.stdout == card_with_escapes.read_bytes()


def test_a_card_is_shown_to_a_terminal_without_escapes(monkeypatch, card_with_escapes):
    ours, theirs = pty.openpty()
    with open(theirs, "w", encoding="utf-8") as terminal:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", terminal)
        models.show(str(card_with_escapes))
        terminal.flush()
        text = os.read(ours, 1 << 16).decode("utf-8")
    os.close(ours)
    assert text.startswith("# \ufffd31m \ufffd        .\r\nname = ")
    assert all(line.isprintable() for line in text.split("\r\n"))
