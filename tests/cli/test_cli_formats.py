"""Every format through the whole command: rows, columns, bytes, and what passes through free."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

TEXTS = ["Quiet harbour letter.", "  ", "the captain", "", "Quiet harbour letter."]
TIERS = {"small", "large"}


@pytest.fixture
def translate(shell, stand_ins):
    """Translate within a dollar, expecting success."""

    def run(*arguments, stdin=b""):
        result = shell.run(
            "translate", *arguments, *stand_ins.options(), "--budget", "1", stdin=stdin
        )
        assert result.code == 0, result.stderr
        return result

    return run


def assert_words_kept(translation, source):
    """Check that a stand-in's translation has the source's words, as they are or reversed."""
    for ours, theirs in zip(translation.split(), source.split(), strict=True):
        assert ours in (theirs, theirs[::-1])


def test_tsv_keeps_its_columns_and_adds_two(shell, translate):
    rows = [f"{number}\t{text}\tx" for number, text in enumerate(TEXTS)]
    (shell.folder / "in.tsv").write_text("id\tsource\tnote\n" + "\n".join(rows) + "\n")
    translate("in.tsv")
    header, *out = (shell.folder / "in.de.tsv").read_text().splitlines()
    assert header == "id\tsource\tnote\ttranslation\ttier"
    assert [line.rsplit("\t", 2)[0] for line in out] == rows
    fields = [line.split("\t") for line in out]
    assert [row[4] for row in fields][1::2] == ["none", "none"]
    assert {row[4] for row in fields} - TIERS == {"none"}
    for _, source, _, translation, _ in fields:
        assert_words_kept(translation, source)
    assert fields[0][3:] == fields[4][3:]


def test_tsv_without_a_header_has_numbered_columns(shell, translate):
    (shell.folder / "in.tsv").write_text("7\tthe captain\n8\tquiet\n")
    translate("in.tsv", "--no-header", "--source-column", "2")
    lines = (shell.folder / "in.de.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["7", "the captain"], ["8", "quiet"]]
    assert all(len(line.split("\t")) == 4 for line in lines)


def test_jsonl_keeps_every_byte_of_its_objects(shell, translate):
    lines = [
        '{"source": "the captain", "n": 1.50, "deep": {"a": [1, null]}}',
        '{"n": 2,  "source": ""}',
        '{"source": "two\\nlines\\tand tab"}',
        '{"source": null}',
    ]
    (shell.folder / "in.jsonl").write_text("\n".join(lines) + "\n")
    translate("in.jsonl", "--explain")
    out = (shell.folder / "in.de.jsonl").read_text().splitlines()
    assert len(out) == len(lines)
    for before, after in zip(lines, out, strict=True):
        assert after.startswith(before[:-1])
    rows = [json.loads(line) for line in out]
    assert [row["tier"] for row in rows[1::2]] == ["none", "none"]
    assert rows[0]["tier"] in TIERS
    assert len(rows[2]["translation"].split()) == 4
    assert rows[1]["reason"] == "empty" and rows[1]["predicted_gain"] is None
    assert list(rows[0])[-5:] == ["translation", "tier", "predicted_gain", "cost_usd", "reason"]


def test_parquet_keeps_types_and_order(shell, translate):
    table = pa.table(
        {
            "views": pa.array([5, None, 7, 8, 9], pa.int16()),
            "source": pa.array(["the captain", None, "a\nb", "quiet", "the captain"]),
            "tags": pa.array([["a"], [], None, ["b", "c"], []]),
        }
    )
    pq.write_table(table, shell.folder / "in.parquet", row_group_size=2)
    translate("in.parquet", "--explain")
    out = pq.read_table(shell.folder / "in.de.parquet")
    assert out.select(table.column_names).equals(table)
    added = out.drop_columns(table.column_names)
    assert added.schema.types == [
        pa.string(),
        pa.string(),
        pa.float64(),
        pa.decimal128(38, 9),
        pa.string(),
    ]
    assert added.column("tier").to_pylist()[1] == "none"
    translations = added.column("translation").to_pylist()
    assert translations[0] == translations[4]
    assert translations[2] == "a\nb"


def test_plain_text_is_the_translations_alone(shell, translate):
    (shell.folder / "in.txt").write_text("\n".join(TEXTS) + "\n")
    translate("in.txt")
    lines = (shell.folder / "in.de.txt").read_text().split("\n")
    assert len(lines) == len(TEXTS) + 1
    assert [lines[1], lines[3], lines[5]] == ["  ", "", ""]
    for line, text in zip(lines, TEXTS, strict=False):
        assert_words_kept(line, text)


def test_format_is_said_where_the_ending_does_not_tell(shell, translate):
    (shell.folder / "corpus.data").write_text("source\nthe captain\n")
    translate("corpus.data", "--format", "tsv")
    assert (shell.folder / "corpus.de.data").read_text().startswith("source\ttranslation\ttier\n")


AWKWARD = {
    "crlf": "the captain\r\nquiet\r\n",
    "no last newline": "the captain\nquiet",
    "mixed line ends": "the captain\r\nquiet\nthe\r\n",
    "a lone carriage return": "the\rcaptain\nquiet\n",
    "U+2028, U+2029, U+0085, VT, FF": "the\u2028captain\nof\u2029the\u0085a\x0bb\x0cc\n",
    "NUL": "the\0captain\nquiet\n",
    "right to left": "שלום עולם\nمرحبا بالعالم\u200f\n",
    "combining and emoji": "e\u0301te\u0301 👩\u200d👩\u200d👧 \U0001f1eb\U0001f1f7\n",
    "one word of 100,000 characters": "x" * 100_000 + "\nquiet\n",
    "100,000 characters in words": "the captain " * 8_334 + "\nquiet\n",
    "special tokens": "<|im_end|> </s> <eos>\nquiet\n",
    "blank lines at the ends": "\n\nquiet\n\n \n",
}


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
def test_plain_text_has_as_many_lines_as_it_had(shell, translate, text):
    result = translate("-", "--quiet", stdin=text.encode())
    assert result.stderr == ""
    out = result.stdout
    source = text if text.endswith("\n") else text + "\n"
    assert out.count(b"\n") == source.count("\n")
    assert out.count(b"\r\n") == source.count("\r\n")
    for ours, theirs in zip(out.decode().split("\n"), source.split("\n"), strict=True):
        assert len(ours.split()) == len(theirs.split())


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
def test_tsv_rows_keep_their_bytes(shell, translate, text):
    rows = [
        ("1", line.removesuffix("\r"), line[len(line.removesuffix("\r")) :])
        for line in text.removesuffix("\n").split("\n")
    ]
    data = "".join(f"{number}\t{source}\tend{end}\n" for number, source, end in rows)
    (shell.folder / "in.tsv").write_bytes(f"id\tsource\tlast\n{data}".encode())
    translate("in.tsv")
    _, *out, nothing = (shell.folder / "in.de.tsv").read_bytes().decode().split("\n")
    assert nothing == ""
    for line, (number, source, end) in zip(out, rows, strict=True):
        assert line.startswith(f"{number}\t{source}\tend\t")
        assert line.count("\t") == 4
        assert line.endswith("\r") == bool(end)


def test_a_byte_order_mark_is_no_part_of_the_first_column(shell, translate):
    (shell.folder / "in.tsv").write_bytes(b"\xef\xbb\xbfsource\nthe captain\n")
    translate("in.tsv")
    lines = (shell.folder / "in.de.tsv").read_bytes().split(b"\n")
    assert lines[0].endswith(b"source\ttranslation\ttier")
    assert len(lines) == 3


def test_blank_segments_are_free(shell, translate, read_report):
    (shell.folder / "in.txt").write_text("\n \n\t\n\u3000\n")
    translate("in.txt")
    assert (shell.folder / "in.de.txt").read_text().count("\n") == 4
    report = read_report(shell.folder / "in.de.txt.routelmt")
    assert report["spend_nanousd"] == 0
    assert report["blank_segments"] == report["segments"] == 4


def test_identical_sources_are_bought_once(shell, translate, read_ledger, read_report):
    (shell.folder / "in.txt").write_text("the captain of morning\n" * 50 + "quiet\n")
    translate("in.txt")
    folder = shell.folder / "in.de.txt.routelmt"
    assert read_ledger(folder).count("small") == 2
    report = read_report(folder)
    assert (report["segments"], report["distinct_segments"], report["drafted"]) == (51, 2, 2)
    assert sum(report["segments_by_tier"].values()) == 51
    assert len(set((shell.folder / "in.de.txt").read_text().splitlines()[:50])) == 1
