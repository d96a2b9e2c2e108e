"""What a server's replies to the parts of a source make together: one outcome, with all it used."""

from __future__ import annotations

from collections.abc import Sequence

from routelmt_cli.translators.endpoint_answer import Answer
from routelmt_cli.translators.endpoint_connection import Lost, Reply
from routelmt_cli.translators.pieces import Pieces
from routelmt_cli.translators.protocol import Outcome
from routelmt_cli.translators.token_statistics import TokenStatistics


def outcome_of(item: int, pieces: Pieces, replies: Sequence[Reply]) -> Outcome:
    """Make the outcome of one request.

    Parameters
    ----------
    item
        The request's number.
    pieces
        Its source in parts.
    replies
        To the parts, in their order; fewer where one of them failed, so that no other was sent.
    """
    answers = [reply for reply in replies if isinstance(reply, Answer)]
    failures = (_failure(reply) for reply in replies)
    failure = next((reason for reason in failures if reason is not None), None)
    told = [one.statistics for one in answers if one.statistics is not None]
    whole = bool(replies) and len(told) == len(replies) and failure is None
    statistics = TokenStatistics.concatenate(told) if whole else None
    return Outcome(
        item=item,
        text="" if failure is not None else pieces.join([one.text for one in answers]),
        prompt_tokens=sum(one.prompt_tokens or 0 for one in answers),
        output_tokens=sum(one.output_tokens or 0 for one in answers),
        truncated=any(one.truncated for one in answers),
        token_logprobs=None if statistics is None else statistics.logprobs,
        failure=failure,
        token_entropies=None if statistics is None else statistics.entropies,
        token_margins=None if statistics is None else statistics.margins,
        requests=max(1, len(replies)),
        unmetered=any(
            isinstance(reply, Lost) or (isinstance(reply, Answer) and not reply.is_metered)
            for reply in replies
        ),
    )


def _failure(reply: Reply) -> str | None:
    return reply.failure if isinstance(reply, Answer) else reply.reason
