"""Segments that speak to a model, a terminal or a spreadsheet: one row for one row, as they are."""

from __future__ import annotations

import csv
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile import SOURCES

BREAKS = re.compile(r"[\t\n\r]")
ONE_LINE = [source for source in SOURCES if not BREAKS.search(source)]
FORMULAS = [source for source in SOURCES if source[0] in "=+-@"]


@pytest.fixture
def translate(shell, stand_ins):
    """Translate within a dollar; what it prints must be fit for a terminal."""

    def run(name):
        result = shell.run("translate", name, *stand_ins.options(), "--budget", "1", "--explain")
        assert (result.code, result.stdout) == (0, b""), result.stderr
        assert all(line.isprintable() for line in result.stderr.split("\n"))

    return run


def test_jsonl(shell, translate):
    lines = [json.dumps({"n": n, "source": text, "x": text}) for n, text in enumerate(SOURCES)]
    (shell.folder / "in.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    translate("in.jsonl")
    output = (shell.folder / "in.de.jsonl").read_text("utf-8").split("\n")[:-1]
    assert [line[: len(old) - 1] for line, old in zip(output, lines, strict=True)] == [
        line[:-1] for line in lines
    ]
    for line, source in zip(output, SOURCES, strict=True):
        assert len(json.loads(line)["translation"].split()) == len(source.split())


def test_csv(shell, translate):
    with (shell.folder / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["source", "x"], *([text, text] for text in SOURCES)])
    translate("in.csv")
    with (shell.folder / "in.de.csv").open(encoding="utf-8", newline="") as file:
        _, *output = csv.reader(file, strict=True)
    assert [row[:2] for row in output] == [[text, text] for text in SOURCES]
    assert all(row[2] for row in output)


def test_parquet(shell, translate):
    table = pa.table({"source": SOURCES, "copy": SOURCES})
    pq.write_table(table, shell.folder / "in.parquet")
    translate("in.parquet")
    output = pq.read_table(shell.folder / "in.de.parquet")
    assert output.select(["source", "copy"]).equals(table)
    assert all(output["translation"].to_pylist())


def test_tsv(shell, translate):
    rows = [f"{n}\t{text}\t{text}" for n, text in enumerate(ONE_LINE)]
    (shell.folder / "in.tsv").write_bytes("\n".join(["n\tsource\tx", *rows, ""]).encode())
    translate("in.tsv")
    output = (shell.folder / "in.de.tsv").read_bytes().decode().split("\n")[1:-1]
    assert len(output) == len(rows) >= 100
    for line, row in zip(output, rows, strict=True):
        assert line.startswith(f"{row}\t")
        assert line.count("\t") == 7


def test_text(shell, translate):
    (shell.folder / "in.txt").write_bytes("\n".join([*ONE_LINE, ""]).encode())
    translate("in.txt")
    output = (shell.folder / "in.de.txt").read_bytes().decode().split("\n")[:-1]
    assert [len(line.split()) for line in output] == [len(line.split()) for line in ONE_LINE]


def test_what_a_spreadsheet_takes_for_a_formula_is_kept_as_it_is(shell, translate):
    assert len(FORMULAS) >= 4
    (shell.folder / "in.tsv").write_text("source\tx\n" + "".join(f"a\t{f}\n" for f in FORMULAS))
    translate("in.tsv")
    output = (shell.folder / "in.de.tsv").read_text().split("\n")[1:-1]
    assert [line.split("\t")[1] for line in output] == FORMULAS
