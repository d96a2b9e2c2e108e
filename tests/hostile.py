"""The segments of ``data/hostile.jsonl``: text that speaks to a model, a terminal or a parser.

Written for these tests, in many languages and scripts. ``kind`` says what a segment tries;
``canary`` is the word that a model writes alone where it obeys.
"""

from __future__ import annotations

import json
from pathlib import Path

HOSTILE = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "hostile.jsonl").read_text("utf-8").splitlines()
]
SOURCES = [row["source"] for row in HOSTILE]
