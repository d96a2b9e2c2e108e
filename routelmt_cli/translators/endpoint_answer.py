"""What a server's answer says: the text, how it ended, what it used, how likely its tokens were.

The body of an answer goes in, an ``Answer`` or a ValueError comes out. Nothing in it is trusted to
have the right type, and what is not said is None, not a guess.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from routelmt_cli.translators.token_statistics import TokenStatistics

_BREAKS = re.compile(r"\s*[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]\s*")
_LOWEST = -1e4  # some servers say -9999 for what has no probability worth the name
_MOST_TOKENS = 1 << 40


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes
    ----------
    text
        One line: whatever breaks lines in it has become a blank.
    prompt_tokens, output_tokens
        What is charged; None where the server does not say.
    truncated
        Whether the cap ended it.
    failure
        Why there is no text, or None.
    statistics
        Of the tokens; None where they were not asked for or are not offered. The entropy is that
        of the alternatives that the server told, all others being one more: never too high.
    """

    text: str
    prompt_tokens: int | None
    output_tokens: int | None
    truncated: bool
    failure: str | None
    statistics: TokenStatistics | None

    @property
    def is_metered(self) -> bool:
        """Whether the server said what it charges."""
        return self.prompt_tokens is not None and self.output_tokens is not None


def read_answer(content: bytes) -> Answer:
    """Read the body of an answer to a chat or a completion.

    Raises
    ------
    ValueError
        Where it is no such answer.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    return answer_of(data)


def answer_of(data: object) -> Answer:
    """Read an answer to a chat or a completion, as JSON has it.

    Raises
    ------
    ValueError
        Where it is no such answer.
    """
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ValueError("it holds no choice")
    choice, reason = choices[0], choices[0].get("finish_reason")
    is_chat = isinstance(choice.get("message"), dict)
    text = choice["message"].get("content") if is_chat else choice.get("text")
    refusal = choice["message"].get("refusal") if is_chat else None
    failure = None
    if reason == "content_filter" or (refusal and not text):
        failure = "the server's content filter refused it"
    prompt, output = _usage(data.get("usage") if isinstance(data, dict) else None)
    return Answer(
        text="" if failure else _BREAKS.sub(" ", _whole(str(text or "")).strip()),
        prompt_tokens=prompt,
        output_tokens=output,
        truncated=reason == "length",
        failure=failure,
        statistics=_statistics(choice.get("logprobs"), is_chat=is_chat),
    )


def _whole(text: str) -> str:
    """Replace halves of characters, which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _usage(usage: object) -> tuple[int | None, int | None]:
    if not isinstance(usage, dict):
        return None, None
    prompt, output, total = (
        usage.get(key) for key in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    if not (_is_count(prompt) and _is_count(output)):
        return None, None
    if _is_count(total):
        # Servers that think before they answer may leave their thoughts out of the second.
        output = max(output, total - prompt)
    return prompt, output


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS


def _statistics(logprobs: object, *, is_chat: bool) -> TokenStatistics | None:
    if not isinstance(logprobs, dict):
        return None
    try:
        rows = _chat_rows(logprobs) if is_chat else _completion_rows(logprobs)
        if not rows:
            return None
        return TokenStatistics.of_rows([_row(own, others) for own, others in rows])
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        return None  # not in the form of the protocol, so not offered


def _chat_rows(logprobs: dict[str, Any]) -> list[tuple[float, list[float]]]:
    return [
        (
            float(token["logprob"]),
            [float(one["logprob"]) for one in token.get("top_logprobs") or []],
        )
        for token in logprobs["content"]
    ]


def _completion_rows(logprobs: dict[str, Any]) -> list[tuple[float, list[float]]]:
    if isinstance(logprobs.get("content"), list):
        return _chat_rows(logprobs)  # llama.cpp's server answers completions so, too
    own = logprobs["token_logprobs"]
    others = logprobs.get("top_logprobs") or [{}] * len(own)
    return [
        (float(token), list(map(float, (top or {}).values())))
        for token, top in zip(own, others, strict=True)
    ]


def _row(own: float, others: Sequence[float]) -> tuple[float, float, float]:
    """Return log-probability, entropy and margin of a token, as far as the alternatives tell."""
    own = _in_range(own)
    told = sorted((_in_range(one) for one in (others or [own])), reverse=True)
    chances = [math.exp(one) for one in told]
    rest = max(0.0, 1.0 - sum(chances))
    entropy = -sum(chance * one for chance, one in zip(chances, told, strict=True))
    if rest > 0:
        entropy -= rest * math.log(rest)
    second = told[1] if len(told) > 1 else math.log(rest) if rest > 0 else _LOWEST
    return own, max(0.0, entropy), max(0.0, told[0] - second)


def _in_range(logprob: float) -> float:
    if math.isnan(logprob):
        raise ValueError("not a number")
    return min(0.0, max(_LOWEST, logprob))
