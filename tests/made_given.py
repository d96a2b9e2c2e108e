"""A small corpus that has its hypotheses and scores, as a file of any format."""

from __future__ import annotations

import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
from made_up import SOURCES

COLUMNS = ["--draft-column", "small", "--retranslation-column", "large"]
LANGUAGES = ["--from", "en", "--to", "de"]
SCORES = ["--draft-score", "cx", "--retranslation-score", "cy"]


def spoilt(luck, source, share):
    return " ".join(w[::-1] if luck.random() < share else w for w in source.split())


def given_rows(count=70, seed=0):
    """Make rows whose drafts are spoilt at random, most retranslations hardly."""
    luck, rows = random.Random(seed), []
    sources = [source for source in SOURCES if source.strip()]
    for number in range(count):
        source, damage = sources[number], luck.random() * 0.8
        rows.append(
            {
                "id": f"s{number}",
                "source": source,
                "reference": source,
                "small": spoilt(luck, source, damage),
                "large": spoilt(luck, source, 0.2),
                "cx": round(100 - 90 * damage, 2),
                "cy": 80.0 + luck.random(),
                "lp": "en-de" if number % 2 else "en-fr",
                "doc": number // 10,
            }
        )
    return rows


def write_rows(path, rows):
    """Write rows as the format of the path's ending."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
