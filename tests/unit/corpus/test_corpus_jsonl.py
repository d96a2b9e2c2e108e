"""JSONL: input bytes kept, keys spliced in, bad lines named."""

import json
from decimal import Decimal

import pytest

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.writer import AddedColumn, ColumnType
from routelmt_cli.errors import UsageError

JSONL = Format.JSONL


def test_keys_are_spliced_and_bytes_kept(open_bytes, sources_of, written):
    long_number = b"9" * 5000
    data = (
        b'\xef\xbb\xbf {"n": 1.50e3, "source" : "a\\u00e9}"\t} \r\n'
        b'{"source":null,"x":NaN,"big":' + long_number + b"}\n"
        b'{"o":{"translation":{}},"source":"\xe2\x80\xa8\\n"}'
    )
    corpus = open_bytes(data, JSONL)
    assert corpus.column_names == ("n", "source")
    assert sources_of(corpus) == ["aé}", "", "\u2028\n"]
    columns = {
        AddedColumn("translation"): lambda n: ['"é\n\u2028', "", None][n],
        AddedColumn("gain", ColumnType.FLOAT): lambda n: [2, float("nan"), float("inf")][n],
        AddedColumn("cost", ColumnType.DECIMAL): lambda n: [Decimal("1E-9"), 2, None][n],
    }
    assert written(corpus, columns) == (
        b' {"n": 1.50e3, "source" : "a\\u00e9}"\t, "translation": "\\"\xc3\xa9\\n\xe2\x80\xa8",'
        b' "gain": 2.0000, "cost": 0.000000001} \r\n'
        b'{"source":null,"x":NaN,"big":' + long_number + b', "translation": "",'
        b' "gain": null, "cost": 2}\n'
        b'{"o":{"translation":{}},"source":"\xe2\x80\xa8\\n", "translation": null,'
        b' "gain": null, "cost": null}\n'
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{'source': 1}", "is not valid JSON: Expecting property name enclosed in double quotes"),
        (b'{"source": "a"} {}', "is not valid JSON: Extra data at character 17"),
        (b'{"source": "a\tb"}', "is not valid JSON: Invalid control character at at character"),
        (b'["source"]', "is JSON but not an object"),
        (b'"source"', "is JSON but not an object"),
        (b"[]", "is JSON but not an object"),
        (b'{"text": "a"}', "has no column 'source'; it has 'text'"),
        (b"{}", "has no column 'source'; it has "),
        (b'{"source": 5}', "has a value that is not a string in 'source'"),
        (b'{"source": {"a": 1}}', "has a value that is not a string in 'source'"),
        (b'{"source": ["a"]}', "has a value that is not a string in 'source'"),
        (b'{"source": "\\ud83d"}', "has half a surrogate pair in 'source'"),
        (b'{"source": "a", "b": 1, "b": 2}', "has more than one column 'b'"),
        (b"", "is blank"),
        (b" \t\r", "is blank"),
        (b'{"source": "a", "b": ' + b"[" * 200_000, "is nested too deeply"),
    ],
)
def test_bad_lines(open_bytes, sources_of, line, message):
    with pytest.raises(UsageError) as caught:
        sources_of(open_bytes(b'{"source": "a"}\n' + line + b'\n{"source": "c"}\n', JSONL))
    assert caught.value.message.startswith(f"FILE line 2 {message}")
    assert "\n" not in caught.value.message
    with pytest.raises(UsageError, match="FILE line 1 "):
        open_bytes(line + b"\n", JSONL)


def test_missing_source_hints_at_the_option(open_bytes):
    with pytest.raises(UsageError) as caught:
        open_bytes(b'{"text": "a"}\n', JSONL)
    assert caught.value.hint == "--source-column NAME"


def test_trailing_blank_line_is_an_error(open_bytes, sources_of):
    with pytest.raises(UsageError, match="FILE line 2 is blank"):
        sources_of(open_bytes(b'{"source": "a"}\n\n', JSONL))


def test_nested_repetition_is_not_ours_to_judge(open_bytes, sources_of):
    assert sources_of(open_bytes(b'{"source": "a", "o": {"b": 1, "b": 2}}\n', JSONL)) == ["a"]


def test_taken_key_is_refused_wherever_it_stands(open_bytes, sources_of, translated):
    data = b'{"source": "a"}\n{"source": "b"}\n{"source": "c", "translation": 1}\n'
    message = "FILE line 3 already has a column 'translation', which is to be added"
    with pytest.raises(UsageError, match=message):
        sources_of(open_bytes(data, JSONL, reserved=["translation"]))
    with pytest.raises(UsageError, match=message):
        translated(open_bytes(data, JSONL))
    with pytest.raises(UsageError, match="FILE already has a column 'source'"):
        open_bytes(data, JSONL, reserved=["source"])


def test_texts_of_another_key(open_bytes):
    corpus = open_bytes(b'{"source": "a", "r": "x"}\n{"source": "b", "r": null}\n', JSONL)
    assert [each.to_pylist() for each in corpus.texts("r", 1)] == [["x"], [""]]
    with pytest.raises(UsageError, match="FILE line 1 has no column 'ref'") as caught:
        list(corpus.texts("ref"))
    assert caught.value.hint is None


def test_long_and_right_to_left(open_bytes, sources_of, translated):
    texts = ["字" * 100_000, "שלום\u202e", "\0"]
    lines = [json.dumps({"source": text}, ensure_ascii=text == "\0") for text in texts]
    corpus = open_bytes("\n".join(lines).encode(), JSONL)
    assert sources_of(corpus) == texts
    out = translated(corpus, lambda n: texts[n]).decode().split("\n")[:-1]
    assert [json.loads(line)["translation"] for line in out] == texts
