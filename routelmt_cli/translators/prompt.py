"""Render a model card's prompt once into what stands before and after the source.

In: the card's prompt section, the language pair, for chat models the GGUF's own template. Out: a
``Prompt`` with a shared prefix and a suffix, or for a server with a template of its own the
messages and the ``Prompt`` that their last one is. The source is never formatted into a template,
so braces, template tags or special tokens in user text mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card import PromptCard
from routelmt_cli.translators.languages import language_name

# Stands for the source while a template is rendered; private-use characters, so no template
# and no example holds it.
_SOURCE = "\ue000source\ue001"
_NOTES = "\ue000notes\ue001"

Message: TypeAlias = dict[str, str]
"""``role`` and ``content`` of a message of a chat."""


@dataclass(frozen=True)
class Prompt:
    """The text around a source.

    Attributes
    ----------
    prefix
        Before every source, the same for a whole run, evaluated once. Blanks at its end are moved
        to ``lead``, since tokenizers bind them to the word that follows.
    lead
        Put in front of the source's text.
    suffix
        After the source.
    draft_lead
        What a translation begins with: blanks that were taken off the suffix's end.
    after_notes
        Between a request's notes and its source, before ``lead``; '' in a prompt without notes.
    """

    prefix: str
    lead: str
    suffix: str
    draft_lead: str = ""
    after_notes: str = ""


def render_prompt(
    card: PromptCard,
    source_language: str,
    target_language: str,
    *,
    chat_template: str | None = None,
    bos: str = "",
    eos: str = "",
    with_notes: bool = False,
) -> Prompt:
    """Render the prompt of a card for a language pair.

    Parameters
    ----------
    card
        The prompt section of the model card.
    source_language, target_language
        BCP 47 codes such as ``es`` and ``en``.
    chat_template
        The GGUF's Jinja template, needed where ``card.kind`` is ``chat``.
    bos, eos
        The texts of the special tokens that a chat template may ask for.
    with_notes
        Whether requests have notes; the shared prefix then ends where they begin.

    Raises
    ------
    UsageError
        Where a chat template is missing, fails, or drops the source.
    """
    if card.kind == "chat":
        if not chat_template:
            raise UsageError(
                "the model file has no chat template",
                hint='set kind = "completion" in the [prompt] section of its card',
            )
        messages = _messages(card, source_language, target_language, with_notes=with_notes)
        rendered = _render_chat(chat_template, messages, bos, eos, card.template_options)
        return _around_source(rendered, with_notes=with_notes)
    fill = _Filler(source_language, target_language)
    place = _NOTES if with_notes else ""
    examples = card.examples_for(source_language, target_language)
    shots = "".join(fill(card.template, source, target) for source, target in examples)
    whole_end = card.template.split("{target}", 1)[0]
    open_end = whole_end.rstrip(" ")
    in_front = "" if "{notes}" in card.template else place
    rendered = fill(card.instruction, "") + shots + in_front + fill(open_end, _SOURCE, notes=place)
    prompt = _around_source(rendered, with_notes=with_notes)
    return replace(prompt, draft_lead=whole_end[len(open_end) :])


def render_messages(
    card: PromptCard, source_language: str, target_language: str, *, with_notes: bool = False
) -> tuple[list[Message], Prompt]:
    """Render a chat for a server that has a template of its own.

    Parameters
    ----------
    card, source_language, target_language, with_notes
        As of ``render_prompt``; the card's kind is ``chat``.

    Returns
    -------
    tuple
        The messages that every request begins with, and what is around the source in the last.

    Raises
    ------
    UsageError
        Where the template drops the source or repeats it.
    """
    *fixed, last = _messages(card, source_language, target_language, with_notes=with_notes)
    return fixed, _around_source(last["content"], with_notes=with_notes)


class _Filler:
    """Fills the places of a template of a card."""

    def __init__(self, source_language: str, target_language: str) -> None:
        self._names = {
            "source_language": language_name(source_language),
            "target_language": language_name(target_language),
        }

    def __call__(self, template: str, source: str, target: str = "", notes: str = "") -> str:
        text = template
        values = {**self._names, "notes": notes, "target": target, "source": source}
        for key, value in values.items():
            text = text.replace("{" + key + "}", value)
        return text


def _messages(
    card: PromptCard, source_language: str, target_language: str, *, with_notes: bool
) -> list[Message]:
    """Make the messages of a chat, the last one with a mark for the source in it."""
    fill = _Filler(source_language, target_language)
    instruction = fill(card.instruction, "")
    messages = [{"role": "system", "content": instruction}] if instruction else []
    for source, target in card.examples_for(source_language, target_language):
        messages.append({"role": "user", "content": fill(card.template, source)})
        messages.append({"role": "assistant", "content": target})
    notes = _NOTES if with_notes else ""
    messages.append({"role": "user", "content": fill(card.template, _SOURCE, notes=notes)})
    return messages


def _around_source(rendered: str, *, with_notes: bool) -> Prompt:
    """Take a rendered prompt apart at the source, and at the notes before it."""
    prefix, found, suffix = rendered.partition(_SOURCE)
    if not found:
        raise UsageError("the prompt drops the source text", hint="put {source} into its template")
    if _SOURCE in suffix:
        raise UsageError(
            "the prompt holds the source text twice", hint="put {source} into its template once"
        )
    before, found, after = prefix.partition(_NOTES)
    if with_notes and not found:
        raise UsageError("the prompt drops the notes", hint="put {notes} into its template")
    kept = (after if with_notes else prefix).rstrip(" ")
    lead = (after if with_notes else prefix)[len(kept) :]
    if not with_notes:
        return Prompt(kept, lead, suffix)
    return Prompt(before, lead, suffix, after_notes=kept)


def _render_chat(
    template: str,
    messages: list[Message],
    bos: str,
    eos: str,
    options: Mapping[str, bool | int | str],
) -> str:
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Sandboxed: the template comes out of a model file that anyone may have written.
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    try:
        return environment.from_string(template).render(
            messages=messages,
            add_generation_prompt=True,
            bos_token=bos,
            eos_token=eos,
            raise_exception=raise_exception,
            **options,
        )
    except Exception as error:  # a stranger's template may fail in any way
        raise UsageError(f"the model's chat template fails: {error}") from error
