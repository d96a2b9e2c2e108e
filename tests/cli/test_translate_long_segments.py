"""Segments that are longer than a model's context: cut, translated in parts, joined again."""

from __future__ import annotations

import json

import pytest
from made_up import rows_of, write_card

SENTENCE = "The captain carries 12 letters, and nobody believes him.  "
LONG = (SENTENCE * 2000)[:100_000].strip()
LONGS = {
    "sentences": LONG,
    "words": ("carries quiet " * 8000)[:100_000].strip(),
    "one word": "a" * 100_000,
    "sentences without blanks": "我今天去图书馆。" * 12_500,
}


@pytest.fixture
def short_cards(shell):
    """Write the pair's cards with a context of 64 words."""
    cards = []
    for role in ("small", "large"):
        card = write_card(shell.folder / f"{role}.toml", role, skill=1.0)
        card.write_text(card.read_text().replace("1000000", "64"))
        cards.append(card)
    return cards


def options(cards, stand_ins):
    router = ["--router", stand_ins.router, "--force-router", "--from", "en", "--to", "de"]
    return ["--small", cards[0], "--large", cards[1], *router]


def test_a_segment_of_any_length_comes_out_whole(shell, stand_ins, short_cards):
    rows = [json.dumps({"source": text}) for text in ["Quiet harbour.", *LONGS.values()]]
    (shell.folder / "in.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    result = shell.run(
        "translate", "in.jsonl", *options(short_cards, stand_ins), "--budget", "1", "-o", "o.jsonl"
    )
    assert result.code == 0, result.stderr
    found = [json.loads(line) for line in (shell.folder / "o.jsonl").read_text().splitlines()]
    # A stand-in of full skill gives every word back, so what was cut must come together again.
    for row in found:
        assert row["translation"].split() == row["source"].split()
    assert found[1]["translation"].count("  ") > 100  # between parts, as they were
    report = json.loads((shell.folder / "o.jsonl.routelmt" / "report.json").read_text())
    assert report["spend_nanousd"] <= 10**9


def test_the_worst_case_is_that_of_the_parts(shell, stand_ins, short_cards):
    (shell.folder / "in.txt").write_text(LONG + "\n")
    command = ["translate", "in.txt", *options(short_cards, stand_ins), "-o", "o.txt", "--budget"]
    refused = shell.run(*command, "0.0001")
    assert refused.code == 3
    needed = refused.error_lines[-1].split("--budget ")[1].split(" ")[0]
    done = shell.run(*command, needed)
    assert done.code == 0, done.stderr
    assert (shell.folder / "o.txt").read_text().split() == LONG.split()


def test_a_context_that_changed_does_not_continue_a_run(shell, stand_ins, short_cards):
    (shell.folder / "in.txt").write_text(LONG + "\n")
    command = ["translate", "in.txt", *options(short_cards, stand_ins), "--budget", "1"]
    assert shell.run(*command).code == 0
    short_cards[0].write_text(short_cards[0].read_text().replace("= 64", "= 80"))
    refused = shell.run(*command)
    assert refused.code == 2
    assert "another context size of the models" in refused.stderr


def test_calibrating_takes_long_segments(shell, short_cards, little_training):
    texts = [f"{number} {'quiet harbour. ' * (1 + number % 60)}".strip() for number in range(60)]
    rows = "".join(f"{text}\t{text}\n" for text in texts)
    (shell.folder / "in.tsv").write_text("source\treference\n" + rows)
    small, large = short_cards
    small.write_text(small.read_text().replace("skill = 1.0", "skill = 0.5"))
    command = ["calibrate", "in.tsv", "--small", small, "--large", large, "--from", "en"]
    result = shell.run(*command, "--to", "de", "-o", "new.router", "--folds", "3")
    assert result.code == 0, result.stderr
    command = ["translate", "in.tsv", "--small", small, "--large", large, "--router", "new.router"]
    assert shell.run(*command, "--budget", "1").code == 0
    assert len(rows_of(shell.folder / "in.de.tsv")) == len(texts)
