"""Measure how placeholders survive: as they are, behind markers of several kinds, in stretches.

Messages with placeholders out of gettext's .mo files of another language are translated back into
English. For each way: the share whose placeholders all survive, and chrF++ against the original
message, sentence by sentence, of what a run would hand over (the source where they did not).
Prints one JSON line a model and times nothing.

    python benchmarks/protection.py /usr/share/locale/es/LC_MESSAGES/*.mo --models gemma3-270m
"""

from __future__ import annotations

import argparse
import gettext
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

import sacrebleu

from routelmt_cli.protection import markers
from routelmt_cli.protection.check import is_intact
from routelmt_cli.protection.markers import mark
from routelmt_cli.protection.spans import find_spans
from routelmt_cli.translators.catalogue import find_card
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.protecting import ProtectingTranslator, between_spans
from routelmt_cli.translators.protocol import Outcome, Request, Translator

KINDS = ("ID{}", "X{}", "[{}]", "{{{}}}", "<{}>", "#{}", "__{}__")
SHORTEST, LONGEST = 12, 250


def read(files: Sequence[Path], limit: int) -> list[tuple[str, str]]:
    """Read (translation, original) messages with placeholders, at random by a fixed seed."""
    found = set()
    for path in files:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        for original, translation in catalogue.items():
            if not isinstance(original, str):
                continue  # of a plural
            pair = translation.strip(), original.split("\x04")[-1].strip()
            if SHORTEST <= len(pair[0]) <= LONGEST and "\n" not in pair[0] and find_spans(pair[0]):
                found.add(pair)
    rows = sorted(found)
    random.Random(1).shuffle(rows)
    return rows[:limit]


def outcomes(translator: Translator, sources: Sequence[str]) -> list[Outcome]:
    """Translate everything, in order."""
    requests = [Request(number, source) for number, source in enumerate(sources)]
    found = {one.item: one for commit in translator.translate(requests) for one in commit}
    return [found[number] for number in range(len(sources))]


def ways(translator: Translator, sources: Sequence[str]) -> Iterator[tuple[str, list[str], int]]:
    """Yield (way, translations, output tokens)."""
    raw = outcomes(translator, sources)
    yield "as they are", [one.text for one in raw], sum(one.output_tokens for one in raw)
    for kind in KINDS:
        with mock.patch.object(markers, "_MARKER", kind):
            marked = [mark(source) for source in sources]
            answers = outcomes(translator, [one.text for one in marked])
            texts = [
                its.restore(one.text) or one.text for its, one in zip(marked, answers, strict=True)
            ]
        yield f"markers {kind.format(1)}", texts, sum(one.output_tokens for one in answers)
    pieces = [between_spans(source) for source in sources]
    stretches = [text for its in pieces for text in its.texts]
    answers = outcomes(translator, stretches)
    rest = iter(answers)
    texts = [its.join([next(rest).text for _ in its.texts]) for its in pieces]
    yield "in stretches", texts, sum(one.output_tokens for one in answers)
    whole = outcomes(ProtectingTranslator(translator), sources)
    yield "as routelmt does", [one.text for one in whole], sum(one.output_tokens for one in whole)


def measure(
    rows: Sequence[tuple[str, str]], translator: Translator, score: Callable[[str, str], float]
) -> dict[str, dict[str, float]]:
    """Measure every way of one model."""
    sources = [source for source, _ in rows]
    result = {}
    for name, texts, tokens in ways(translator, sources):
        intact = [is_intact(*pair) for pair in zip(sources, texts, strict=True)]
        handed = [
            text if whole else source
            for text, whole, source in zip(texts, intact, sources, strict=True)
        ]
        scores = [score(text, row[1]) for text, row in zip(handed, rows, strict=True)]
        result[name] = {
            "survive": round(sum(intact) / len(rows), 3),
            "chrf": round(sum(scores) / len(rows), 2),
            "output_tokens": tokens,
        }
    return result


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--from", dest="source", default="es")
    parser.add_argument("--models", nargs="+", default=["smollm2-135m", "gemma3-270m"])
    parser.add_argument("--limit", type=int, default=150)
    arguments = parser.parse_args()
    rows = read(arguments.files, arguments.limit)
    metric = sacrebleu.CHRF(word_order=2)

    def score(text: str, reference: str) -> float:
        return float(metric.sentence_score(text, [reference]).score)

    for name in arguments.models:
        model = find_model(find_card(name), arguments.source, "en")
        with model.open_translator(with_logprobs=False, deterministic=False) as translator:
            found = measure(rows, translator, score)
        print(json.dumps({"model": name, "messages": len(rows), "ways": found}), flush=True)


if __name__ == "__main__":
    main()
