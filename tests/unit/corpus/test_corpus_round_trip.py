"""For every format and any content: n rows in, n rows out, input bytes kept, order kept."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.writer import AddedColumn

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# Oddities drawn often: what str.splitlines and universal newlines would stumble over.
ODD = st.sampled_from(
    ["", "\r", "\u2028", "\u0085", "\x0b", "\x0c", "\0", "\ufeff", "שלום", '"', "'"]
)
CELL = st.lists(ANY_TEXT | ODD, max_size=3).map("".join)
FIELD = CELL.map(lambda text: text.replace("\t", "").replace("\n", ""))
# A CR before the line feed would be part of the terminator.
LAST_FIELD = FIELD.map(lambda text: text.rstrip("\r"))
TERMINATORS = st.sampled_from(["\n", "\r\n"])
ROWS = st.integers(1, 9)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 4), st.booleans(), ROWS)
def test_tsv(open_bytes, sources_of, translated, data, width, has_header, batch_rows):
    row = st.tuples(*[FIELD] * (width - 1), LAST_FIELD)
    rows = data.draw(st.lists(row, min_size=1, max_size=20))
    terminators = data.draw(st.lists(TERMINATORS, min_size=len(rows), max_size=len(rows)))
    index = data.draw(st.integers(0, width - 1))
    lines = ["\t".join(row) for row in rows]
    if has_header:
        lines.insert(0, "\t".join("source" if n == index else f"c{n}" for n in range(width)))
        terminators.insert(0, "\n")
    elif lines[0].startswith("\ufeff"):
        return  # it would be a byte order mark
    content = "".join(line + end for line, end in zip(lines, terminators, strict=True)).encode()
    column = None if has_header else index + 1
    corpus = open_bytes(content, Format.TSV, column, has_header)
    assert sources_of(corpus, batch_rows) == [row[index] for row in rows]
    added = ["translation"] * has_header + [f"t{n}" for n in range(len(rows))]
    expected = "".join(
        f"{line}\t{new}{end}" for line, new, end in zip(lines, added, terminators, strict=True)
    )
    assert translated(corpus, rows=batch_rows) == expected.encode()


def _csv_field(text, quoted):
    """Write a field of CSV: in quotes where it must be, or where one likes."""
    quoted |= any(sign in text for sign in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if quoted else text


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 4), st.booleans(), ROWS)
def test_csv(open_bytes, sources_of, written, data, width, has_header, batch_rows):
    # Python 3.10's csv refuses NUL.
    cell = (CELL | st.sampled_from([",", "a\r\nb", "\n", "\t"])).map(lambda t: t.replace("\0", ""))
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1))
    index = data.draw(st.integers(0, width - 1))
    written_rows = [
        ",".join(_csv_field(text, data.draw(st.booleans())) for text in row) for row in rows
    ]
    terminators = data.draw(st.lists(TERMINATORS, min_size=len(rows), max_size=len(rows)))
    if has_header:
        names = ["source" if n == index else f'c,"{n}' for n in range(width)]
        written_rows.insert(0, ",".join(_csv_field(name, False) for name in names))
        terminators.insert(0, "\r\n")
    elif written_rows[0].startswith("\ufeff"):
        return  # it would be a byte order mark
    content = "".join(row + end for row, end in zip(written_rows, terminators, strict=True))
    corpus = open_bytes(content.encode(), Format.CSV, None if has_header else index + 1, has_header)
    assert sources_of(corpus, batch_rows) == [row[index] for row in rows]
    columns = {AddedColumn("translation"): lambda n: rows[n][0], AddedColumn("tier"): lambda n: "x"}
    output = written(corpus, columns, batch_rows).decode()
    added = ["translation,tier"] * has_header + [f"{_csv_field(row[0], False)},x" for row in rows]
    assert output == "".join(
        f"{row},{new}{end}" for row, new, end in zip(written_rows, added, terminators, strict=True)
    )
    again = list(csv.reader(io.StringIO(output, newline=""), strict=True))[has_header:]
    assert again == [[*row, row[0], "x"] for row in rows]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(LAST_FIELD, TERMINATORS), min_size=1, max_size=20), CELL, ROWS)
def test_text(open_bytes, sources_of, translated, rows, translation, batch_rows):
    content = "".join(text + end for text, end in rows)
    if content.startswith("\ufeff"):
        return  # it would be a byte order mark
    corpus = open_bytes(content.encode(), Format.TEXT)
    assert sources_of(corpus, batch_rows) == [text for text, _ in rows]
    output = translated(corpus, lambda n: translation, batch_rows).decode()
    assert output.count("\n") == len(rows)
    ends = [line.endswith("\r") for line in output.split("\n")[:-1]]
    assert ends == [end == "\r\n" for _, end in rows]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | CELL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELL, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.tuples(
    st.dictionaries(
        CELL.filter(lambda key: key not in ("source", "translation")), JSON_VALUES, max_size=3
    ),
    CELL | st.none(),
).map(lambda pair: {**pair[0], "source": pair[1]})


@settings(max_examples=60, deadline=None)
@given(st.lists(OBJECTS, min_size=1, max_size=8), st.booleans(), st.booleans(), CELL, ROWS)
def test_jsonl(
    open_bytes, sources_of, translated, objects, ensure_ascii, spaced, translation, batch_rows
):
    separators = (" ,\t", " : ") if spaced else (",", ":")
    lines = [json.dumps(each, ensure_ascii=ensure_ascii, separators=separators) for each in objects]
    corpus = open_bytes("\n".join(lines).encode(), Format.JSONL, reserved=["translation"])
    assert sources_of(corpus, batch_rows) == [each["source"] or "" for each in objects]
    output = translated(corpus, lambda n: translation, batch_rows).decode().split("\n")
    assert output.pop() == ""
    assert [line[: len(source) - 1] for line, source in zip(output, lines, strict=True)] == [
        line[:-1] for line in lines
    ]
    # As text, since NaN is not equal to itself.
    assert [json.dumps(json.loads(line)) for line in output] == [
        json.dumps({**each, "translation": translation}) for each in objects
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(CELL | st.none(), st.integers(-9, 9) | st.none()), max_size=30),
    st.integers(1, 12),
    st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]),
    ROWS,
)
def test_parquet(open_bytes, sources_of, translated, rows, group, kind, batch_rows):
    texts = pa.array([text for text, _ in rows], pa.string())
    table = pa.table(
        {
            "n": pa.array([number for _, number in rows], pa.int8()),
            "source": texts.dictionary_encode()
            if pa.types.is_dictionary(kind)
            else texts.cast(kind),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=group)
    corpus = open_bytes(sink.getvalue(), Format.PARQUET)
    assert sources_of(corpus, batch_rows) == [text or "" for text, _ in rows]
    result = pq.read_table(io.BytesIO(translated(corpus, rows=batch_rows)))
    assert result.schema.field("source").type == kind
    assert result["n"].to_pylist() == table["n"].to_pylist()
    assert result["source"].to_pylist() == texts.to_pylist()
    assert result["translation"].to_pylist() == [f"t{n}" for n in range(len(rows))]
