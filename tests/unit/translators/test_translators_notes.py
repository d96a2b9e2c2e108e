"""Notes in a prompt: their place, their length, and that they are text and nothing else."""

from __future__ import annotations

import dataclasses
import re

import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.card_text import card_text
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.notes import NO_NOTES, Notes, NoteWriter
from routelmt_cli.translators.prompt import render_prompt

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
)
NOTES = Notes(("one two", "three"), (("Haus", "house"), ("Hund", "dog")))


def writer(name, most=1000):
    return NoteWriter(find_card(name).prompt, "de", "en", lambda text: len(text.split()), most)


def test_a_chat_card_writes_context_and_terms():
    assert writer("qwen3-8b").text(NOTES) == (
        "The text before it, which is not to be translated:\none two\nthree\n\n"
        "Use these translations of terms:\n- Haus: house\n- Hund: dog\n\n"
    )
    assert writer("qwen3-8b").text(NO_NOTES) == ""


def test_a_base_model_takes_terms_as_examples_and_no_context():
    assert writer("gemma3-270m").text(NOTES) == (
        "German: Haus\nEnglish: house\n\nGerman: Hund\nEnglish: dog\n\n"
    )


def test_what_does_not_fit_goes_farthest_first():
    whole = len(writer("qwen3-8b").text(NOTES).split())
    shorter = writer("qwen3-8b", most=whole - 1).text(NOTES)
    assert "one two" not in shorter
    assert "three" in shorter and "Hund" in shorter
    assert writer("gemma3-270m", most=5).text(NOTES) == "German: Haus\nEnglish: house\n\n"
    assert writer("gemma3-270m", most=1).text(NOTES) == ""


def test_a_note_is_one_line_and_no_place():
    odd = Notes((), (("a\n\nGerman: b", "{source} {target_language}"),))
    text = writer("gemma3-270m").text(odd)
    assert text == "German: a German: b\nEnglish: {source} {target_language}\n\n"


@pytest.mark.parametrize("name", ["qwen3-8b", "gemma3-270m"])
def test_the_shared_prefix_ends_where_notes_begin(name):
    card = find_card(name).prompt
    plain = render_prompt(card, "de", "en", chat_template=CHATML)
    noted = render_prompt(card, "de", "en", chat_template=CHATML, with_notes=True)
    assert plain.after_notes == ""
    assert noted.prefix + noted.after_notes + noted.lead == plain.prefix + plain.lead
    assert (noted.suffix, noted.draft_lead) == (plain.suffix, plain.draft_lead)
    assert noted.after_notes.startswith("German:" if name == "gemma3-270m" else "Translate")
    assert noted.prefix.endswith("\n\n" if name == "gemma3-270m" else "user\n")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('[prompt.terms]\nitem = "{source}"', "'item' must hold {source} and {target}"),
        ('[prompt.context]\nitem = "{target}"', "'item' must hold {source} alone"),
        ('[prompt.context]\nitem = "{source}"\naround = "x"', "'around' must hold {items} once"),
        ('[prompt.context]\nitem = "{source}"', "'template' must hold {notes} before {source}"),
    ],
)
def test_a_wrong_section_is_refused(tmp_path, section, message):
    card = tmp_path / "card.toml"
    card.write_text(
        'name = "x"\n[weights]\npath = "x.gguf"\n[price]\n'
        "usd_per_million_tokens = { input = 1, output = 1 }\n"
        f'[prompt]\nkind = "chat"\ntemplate = "{{source}}"\n{section}\n',
        "utf-8",
    )
    with pytest.raises(UsageError, match=re.escape(message)):
        load_card(card)


def test_a_card_is_written_with_its_notes(tmp_path):
    card = find_card("qwen3-8b")
    weights = dataclasses.replace(card.weights, path=tmp_path / "x.gguf", repo=None, revision=None)
    path = tmp_path / "copy.toml"
    path.write_text(card_text(dataclasses.replace(card, weights=weights), "x.gguf"), "utf-8")
    assert load_card(path).prompt == card.prompt
