"""A small corpus and stand-in model cards, as files.

The stand-in translators (``translators.stand_in``) keep or reverse each word by a hash of it, so
with the source itself as reference two of them of different skill have a gain that a router can
learn, and every run costs milliseconds.
"""

from __future__ import annotations

import random

_TEXT = """
harbour lantern orchard the a of and in with under quiet yellow winter copper letter
bridge carries opens remembers painted window station seven between carefully market
river evening answered nobody gardener ticket believes stone narrow because although
morning captain reported weather island promised kitchen number signal thousand paper
engine silver already company without mountain travels history yesterday little school
"""
_SEGMENTS = 112
_PRICES = {"small": (0.1, 0.2), "large": (1.0, 4.0)}


def made_up_sources():
    """Make 120 segments: mixed lengths, five repeated ones, three blank ones."""
    luck = random.Random(20)
    words, sources = _TEXT.split(), []
    for _ in range(_SEGMENTS):
        picked = [luck.choice(words) for _ in range(luck.randint(2, 24))]
        sources.append(" ".join(picked).capitalize() + ".")
    for place, original in ((10, 3), (40, 3), (55, 17), (90, 17), (100, 60)):
        sources.insert(place, sources[original])
    for place, blank in ((0, ""), (70, "  "), (len(sources) + 2, "")):
        sources.insert(place, blank)
    return sources


SOURCES = made_up_sources()


def write_tsv(path, sources=SOURCES):
    """Write a TSV with an id, the sources, and the sources again as references."""
    rows = [f"{number}\t{source}\t{source}\n" for number, source in enumerate(sources)]
    path.write_text("id\tsource\treference\n" + "".join(rows), "utf-8", newline="")
    return path


def write_card(path, role, *, name=None, price=None, **stand_in):
    """Write a stand-in model card.

    ``role`` is ``small`` or ``large`` and sets skill and price; ``stand_in`` adds to its section:
    ``skill``, ``seed``, ``seconds_per_request``, ``fail_on``, ``die_on``.
    """
    defaults = {"skill": 0.6, "seed": 1} if role == "small" else {"skill": 0.9, "seed": 2}
    price_in, price_out = price or _PRICES[role]
    section = [f"{key} = {_toml(value)}" for key, value in {**defaults, **stand_in}.items()]
    lines = [
        f'name = "{name or f"stand-in-{role}"}"',
        'backend = "stand-in"',
        "[price]",
        f"usd_per_million_tokens = {{ input = {price_in}, output = {price_out} }}",
        "[decoding]",
        "context_tokens = 1000000",
        "parallel_sequences = 4",
        "[stand_in]",
        *section,
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _toml(value):
    return f'"{value}"' if isinstance(value, str) else str(value)


def rows_of(path):
    """Return the rows of a TSV as dictionaries."""
    header, *lines = path.read_text("utf-8").splitlines()
    names = header.split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]
