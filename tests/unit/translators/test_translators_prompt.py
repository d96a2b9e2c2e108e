"""Prompts: what stands before and after a source, and what a source cannot do."""

from __future__ import annotations

import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import PromptCard
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.prompt import Prompt, render_prompt

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def completion(template="{source_language}: {source}\n{target_language}: {target}\n\n", **options):
    options = {"instruction": "", "examples": {}, **options}
    return PromptCard("completion", template=template, **options)


def chat(template="To {target_language}: {source}", **options):
    options = {"instruction": "", "examples": {}, **options}
    return PromptCard("chat", template=template, **options)


def test_a_completion_is_examples_and_an_open_end():
    card = completion(instruction="To {target_language}.\n", examples={"es-en": (("sí", "yes"),)})
    prompt = render_prompt(card, "es", "en")
    assert prompt == Prompt(
        prefix="To English.\nSpanish: sí\nEnglish: yes\n\nSpanish:",
        lead=" ",
        suffix="\nEnglish:",
        draft_lead=" ",
    )


def test_examples_of_another_pair_are_left_out():
    card = completion(examples={"es-en": (("sí", "yes"),)})
    assert render_prompt(card, "pt-BR", "en").prefix == "Portuguese (Brazil):"


def test_a_chat_is_the_model_files_own_template():
    card = chat(instruction="Be brief.", examples={"es-en": (("sí", "yes"),)})
    prompt = render_prompt(card, "es", "en", chat_template=CHATML)
    assert prompt.prefix == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nTo English: sí<|im_end|>\n"
        "<|im_start|>assistant\nyes<|im_end|>\n"
        "<|im_start|>user\nTo English:"
    )
    assert (prompt.lead, prompt.suffix) == (" ", "<|im_end|>\n<|im_start|>assistant\n")


def test_a_chat_without_an_instruction_has_no_system_message():
    prompt = render_prompt(chat(), "es", "en", chat_template=CHATML)
    assert prompt.prefix.startswith("<|im_start|>user\n")


def test_the_cards_options_are_given_to_the_template():
    template = (
        "{{ messages[0].content }}{% if enable_thinking is false %}<think></think>{% endif %}"
    )
    thinking = render_prompt(chat("{source}"), "es", "en", chat_template=template)
    card = chat("{source}", template_options={"enable_thinking": False})
    silent = render_prompt(card, "es", "en", chat_template=template)
    assert (thinking.suffix, silent.suffix) == ("", "<think></think>")


def test_the_shipped_cards_of_the_hub_ask_as_their_authors_do():
    lmt, qwen, gemma = (
        find_card(name).prompt for name in ("lmt-60-8b", "qwen3-8b", "gemma3-1b-it")
    )
    prompt = render_prompt(lmt, "de", "en", chat_template=CHATML)
    assert prompt == Prompt(
        "<|im_start|>user\nTranslate the following text from German into English.\nGerman:",
        lead=" ",
        suffix="\nEnglish:<|im_end|>\n<|im_start|>assistant\n",
    )
    prompt = render_prompt(qwen, "de", "en")
    assert prompt.prefix.startswith("<|im_start|>user\nTranslate the following text from German")
    assert prompt.suffix == "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert render_prompt(gemma, "de", "en", chat_template=CHATML).suffix.startswith("<|im_end|>")


def test_special_texts_are_given_to_the_template():
    template = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"
    prompt = render_prompt(
        chat("{source}"), "es", "en", chat_template=template, bos="<s>", eos="</s>"
    )
    assert prompt == Prompt("<s>", "", "</s>")


def test_braces_in_an_example_stay():
    card = completion(examples={"es-en": (("{x} {{y}} {% z %}", "{x} {{y}} {% z %}"),)})
    assert render_prompt(card, "es", "en").prefix.count("{x} {{y}} {% z %}") == 2


@pytest.mark.parametrize(
    ("card", "template", "message"),
    [
        (chat(), None, "no chat template"),
        (chat(), "", "no chat template"),
        (chat(), "{{ messages[", "chat template fails"),
        (chat(), "{{ raise_exception('no system role') }}", "chat template fails: no system role"),
        (chat(), "{{ messages[0].missing.more }}", "chat template fails"),
        (chat(), "always the same", "drops the source"),
        (chat(), "{{ messages[0].content }}{{ messages[0].content }}", "source text twice"),
        (chat("{source} and {source}"), CHATML, "source text twice"),
        (completion("{target} of {source}"), None, "drops the source"),
    ],
)
def test_a_prompt_that_cannot_be_rendered_is_an_error(card, template, message):
    with pytest.raises(UsageError, match=message):
        render_prompt(card, "es", "en", chat_template=template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ messages[0].content }}",
        "{{ messages.append(1) }}{{ messages[0].content }}",
        "{{ 1 // 0 }}{{ messages[0].content }}",
        "{% for _ in range(10**9) %}x{% endfor %}{{ messages[0].content }}",
        "{% include '/etc/passwd' %}{{ messages[0].content }}",
    ],
)
def test_a_template_from_a_stranger_cannot_reach_out(template):
    with pytest.raises(UsageError, match="chat template fails"):
        render_prompt(chat(), "es", "en", chat_template=template)


@pytest.mark.parametrize("code", ["xx-nonsense", "", "123", "e"])
def test_an_unknown_language_is_an_error(code):
    with pytest.raises(UsageError, match="unknown language code"):
        render_prompt(completion(), code, "en")
