"""Refusals and remarks of a chat model, which are no translations.

One row goes in, yes or no comes out. What always holds: only a text that *begins* with one of a
short list of English stock phrases is a refusal, since models refuse in English whatever the
target is; and never where source or draft speaks of the same matter (translating, artificial
intelligence), so that a translated dialogue about it passes. An apology that names neither
("I can't help with that") is ordinary dialogue: it is a refusal only where it's far too long or
too short for its source and the draft has nothing like it. Refusals in other languages, and
remarks before a translation that does follow, are not seen.
"""

from __future__ import annotations

import re

from routelmt_cli.gain.degenerate import spelled_length

_HEAD_CHARACTERS = 300
_LONGEST_RATIO = 2.5

_CANNOT = (
    r"(?:(?:i'm |i am )?(?:(?:very |so |really |terribly )?sorry|afraid)|i apologi[sz]e|"
    r"my apologies|apologies|unfortunately)?[ ,.!;:-]*(?:but |that |however,? )?"
    r"(?:i|we)(?:'m| am|'re| are)? (?:can ?not|can't|could not|couldn't|will not|won't|"
    r"unable to|not able to|do not|don't) "
)
_OPENING = r"(?:(?:sure|certainly|of course|okay|ok|absolutely)(?: thing)?[!,.:]* *)?"
_MACHINE = re.compile(
    r"(?:(?:i'm |i am )?(?:sorry|afraid)|i apologi[sz]e|unfortunately)?[ ,.!;:-]*(?:but )?"
    r"(?:as an? |i'm (?:just |only )?an? |i am (?:just |only )?an? )"
    r"(?:ai\b|artificial intelligence|(?:large |text-based )?language model)"
)
_TRANSLATING = re.compile(
    _CANNOT + r"[^.!?\n]{0,60}\btranslat"
    "|" + _OPENING + r"(?:please |could you (?:please )?|can you (?:please )?)"
    r"(?:provide|share|send|paste|give|enter)\b[^.!?\n]{0,40}\b(?:text|sentence|passage|content)\b"
    r"[^.!?\n]{0,60}(?:translat|you(?:'d| would) like|you want|you need)"
)
_ANNOUNCING = re.compile(
    _OPENING + r"(?:(?:here(?:'s| is)|this is|below is) )?(?:the |your |an? |my )?"
    r"(?:\w+ )?translation(?: (?:of|in|into|to|from|for|is)\b[^.:!?\n]{0,60})?[\s.:!*]*"
)
_DECLINING = re.compile(
    _CANNOT + r"(?:help|assist|comply|fulfil|complete|continue|proceed|provide|engage|respond|"
    r"answer|process|generate|create|support|discuss)"
)

_ABOUT_MACHINES = re.compile(
    r"\b(?:AI|IA|KI|YZ|UI|SI|MI|TI|ИИ|ШІ|ІІ|ВИ|ΤΝ)\b|人工|人工知能|인공|"
    r"(?i:artifi|künstlich|uměl|umel|sztuczn|штучн|искусств|изкуств|вештач|yapay|buatan|nhân tạo|"
    r"kunstmat|kunstig|konstgjord|tekoäly|mesterség|inteligen|intellig|τεχνητ|מלאכותי|صطناع|"
    r"مصنوعی|कृत्रिम|ปัญญาประดิษฐ์|model|mudel|malli|модел|μοντέλο|モデル|模型|모델|نموذج|मॉडल|"
    r"gpt|chat|robot|робот|bot\b|assist)"
)
_ABOUT_TRANSLATING = re.compile(
    r"(?i:transl|tradu|übersetz|uebersetz|vertal|översätt|oversæt|oversett|käänn|fordít|tõlk|"
    r"tulko|vert[ėi]|tłumacz|přelož|překl|prelož|prekl|preved|prijevod|перев|перекла|превод|"
    r"превед|перакла|μεταφρ|μετάφρ|çevir|tərcüm|terjemah|dịch|ترجم|תרגו|תרגמ|מתרגמ|अनुवाद|"
    r"แปล|翻译|翻譯|翻訳|訳|译|譯|번역|通訳|თარგმ|թարգման|itzul|aistri|cyfieith)"
)
_ABOUT_DECLINING = re.compile(
    r"(?i:sorry|apolog|afraid|regret|can ?not|can't|unable|won't|will not|help|assist)"
)


def is_refusal(source: str, draft: str, retranslation: str) -> bool:
    """Tell whether a retranslation is a chat model's own words and the draft is not.

    Parameters
    ----------
    source, draft, retranslation
        Texts of one segment.
    """
    head = _head(retranslation)
    about: re.Pattern[str] | None = None
    if _MACHINE.match(head):
        about = _ABOUT_MACHINES
    elif _TRANSLATING.match(head) or _ANNOUNCING.fullmatch(head):
        about = _ABOUT_TRANSLATING
    if about is not None:
        return not (about.search(source) or about.search(draft))
    return (
        _DECLINING.match(head) is not None
        and not _ABOUT_DECLINING.search(draft.replace("’", "'"))
        and not _DECLINING.match(_head(source))
        and _cannot_be_a_translation(source, retranslation)
    )


def _head(text: str) -> str:
    return text[:_HEAD_CHARACTERS].replace("’", "'").lstrip(" \t\r\n\"'*_#>“”«„‘-").lower()


def _cannot_be_a_translation(source: str, text: str) -> bool:
    """Compare lengths: no translation is more than 2.5 times as long or as short."""
    expected, found = spelled_length(source), spelled_length(text)
    return not expected / _LONGEST_RATIO <= found <= expected * _LONGEST_RATIO
