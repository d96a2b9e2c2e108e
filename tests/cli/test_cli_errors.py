"""Wrong input: an exit code, one clear line and at most a hint, nothing on stdout or spent."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pytest
from made_up import write_card

# -- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["frobnicate"], "no such command", "see 'routelmt --help'"),
        (["--frobnicate"], "no such option", "see 'routelmt --help'"),
        (["models"], "missing command", "see 'routelmt models --help'"),
        (["translate"], "missing ", "see 'routelmt translate --help'"),
        (["translate", "in.tsv"], "neither --budget nor --share", "such as --budget 5"),
        (["translate", "in.tsv", "--bugdet", "1"], "no such option", "translate --help'"),
        (
            ["translate", "a", "b", "--budget", "1"],
            "unexpected extra argument",
            "translate --help'",
        ),
        (["translate", "a", "--budget", "1", "--weight", "x"], "'--weight'", "column:NAME"),
        (["plan", "a", "--on-invalid", "x"], "'--on-invalid'", "plan --help'"),
        (["calibrate", "in.tsv"], "missing option '--output'", "see 'routelmt calibrate --help'"),
        (["calibrate", "a", "-o", "b", "--limit", "0"], "'--limit'", "calibrate --help'"),
        (["models", "show"], "missing argument 'CARD'", "see 'routelmt models show --help'"),
    ],
)
def test_a_wrong_command_line(fails, arguments, message, hint):
    error, found = fails(*arguments)
    assert message in error
    assert hint in found


@pytest.mark.parametrize(
    ("budget", "fault"),
    [
        ("0", "is zero"),
        ("-1", "is negative"),
        ("nan", "is not a finite amount"),
        ("inf", "is not a finite amount"),
        ("abc", "is not an amount of US dollars"),
        ("", "is not an amount of US dollars"),
        ("1e400", "is above 1,000,000,000 USD"),
        ("0.0000000001", "is finer than a nanodollar"),
    ],
)
def test_a_budget_that_is_none(translate_fails, corpus, budget, fault):
    error, hint = translate_fails("in.tsv", budget=budget)
    assert error == f"error: --budget '{budget}' {fault}" or fault in error
    assert hint == "hint: write US dollars such as 5, 5.00, $5 or 0.003"


def test_a_budget_below_the_drafts_is_refused_before_anything_is_spent(
    shell, translate_fails, corpus
):
    error, hint = translate_fails("in.tsv", budget="0.001", code=3)
    assert error == (
        "error: drafting with 'stand-in-small' may cost up to $0.0011166, the budget is $0.001"
    )
    assert hint == "hint: give --budget 0.0011166 or more; nothing has been spent"
    assert not (shell.folder / "in.de.tsv.routelmt" / "journal.sqlite").exists()
    assert not (shell.folder / "in.de.tsv").exists()


def test_the_budget_that_the_hint_names_will_do(shell, stand_ins, corpus):
    command = ["translate", "in.tsv", *stand_ins.options(), "--budget"]
    assert shell.run(*command, "0.001").code == 3
    assert shell.run(*command, "0.0011166").code == 0


# -- the corpus ----------------------------------------------------------------------------------


def test_no_such_file(translate_fails):
    assert translate_fails("nope.tsv")[0] == "error: nope.tsv does not exist"


def test_a_directory(shell, translate_fails):
    (shell.folder / "folder.tsv").mkdir()
    assert translate_fails("folder.tsv")[0] == "error: folder.tsv is a directory, not a file"


def test_a_named_pipe(shell, translate_fails):
    os.mkfifo(shell.folder / "pipe.tsv")
    error, hint = translate_fails("pipe.tsv")
    assert "pipe.tsv is not a regular file" in error
    assert "standard input" in hint


@pytest.mark.parametrize(
    "name", ["in.tsv", "in.csv", "in.txt", "in.jsonl", "in.parquet", "in.tsv.gz"]
)
def test_an_empty_file(shell, translate_fails, name):
    (shell.folder / name).write_bytes(b"")
    assert translate_fails(name)[0] == f"error: {name} is empty: no segments"


CORPORA = {
    "no such column": ("in.tsv", b"text\tid\na\t1\n", "no column 'source'; it has 'text', 'id'"),
    "no such key": ("in.jsonl", b'{"text": "a"}\n', "no column 'source'; it has 'text'"),
    "duplicate columns": ("in.tsv", b"source\tsource\na\tb\n", "more than one column 'source'"),
    "duplicate keys": ("in.jsonl", b'{"source": "a", "source": "b"}\n', "more than one column"),
    "a column that is to be added": (
        "in.tsv",
        b"source\ttranslation\na\tb\n",
        "already has a column 'translation'",
    ),
    "a key that is to be added": (
        "in.jsonl",
        b'{"source": "a"}\n{"source": "a", "tier": "b"}\n',
        "in.jsonl line 2 already has a column 'tier'",
    ),
    "a short row": ("in.tsv", b"id\tsource\n1\ta\n2\n", "in.tsv line 3 has 1 column"),
    "a short row of CSV": (
        "in.csv",
        b'id,source\n1,"a\nb"\n2\n',
        "in.csv line 4 has 1 column, the header has 2",
    ),
    "an empty line of CSV": ("in.csv", b"id,source\n1,a\n\n", "in.csv line 3 is empty"),
    "a quote that is never closed": (
        "in.csv",
        b'id,source\n1,a\n2,"b\n3,c\n',
        "in.csv line 3 is not valid CSV: a quote is never closed",
    ),
    "text after a quote": ("in.csv", b'source\n"a"b\n', "in.csv line 2 is not valid CSV: "),
    "a lone carriage return in CSV": (
        "in.csv",
        b"source\na\rb\n",
        "line 2 is not valid CSV: a carriage return stands outside of quotes",
    ),
    "no gzip": ("in.tsv.gz", b"source\na\n", "cannot read in.tsv.gz: zlib inflate failed"),
    "a gzip that is cut off": (
        "in.tsv.gz",
        gzip.compress(b"source\na\n")[:-9],
        "cannot read in.tsv.gz: Truncated compressed stream",
    ),
    "no zstd": ("in.tsv.zst", b"source\na\n", "cannot read in.tsv.zst: ZSTD decompress failed"),
    "parquet in gzip": ("in.parquet.gz", b"x", "in.parquet.gz: parquet is compressed within"),
    "broken JSON": ("in.jsonl", b'{"source": "a"}\n{"source":\n', "in.jsonl line 2 is not valid"),
    "no parquet": ("in.parquet", b"hello", "in.parquet is not a parquet file"),
    "Latin-1 text": ("in.txt", b"good\nna\xefve\n", "in.txt line 2 is not valid UTF-8"),
    "Latin-1 TSV": ("in.tsv", b"source\ngood\nna\xefve\n", "in.tsv line 3 is not valid UTF-8"),
    "Latin-1 JSONL": ("in.jsonl", b'{"source": "na\xefve"}\n', "line 1 is not valid UTF-8"),
    "an unknown ending": ("in.xls", b"source\na\n", "cannot tell the format of in.xls"),
    "no ending": ("corpus", b"source\na\n", "cannot tell the format of corpus"),
}


@pytest.mark.parametrize(("name", "data", "message"), CORPORA.values(), ids=CORPORA.keys())
def test_a_corpus_that_cannot_be_read(shell, translate_fails, name, data, message):
    (shell.folder / name).write_bytes(data)
    assert message in translate_fails(name)[0]


def test_columns_that_explain_adds_are_only_taken_with_explain(shell, stand_ins, translate_fails):
    (shell.folder / "in.tsv").write_text("source\treason\na\tb\n")
    assert "already has a column 'reason'" in translate_fails("in.tsv", "--explain")[0]
    assert shell.run("translate", "in.tsv", *stand_ins.options(), "--budget", "1").code == 0


def test_an_unknown_format(translate_fails, corpus):
    error, hint = translate_fails("in.tsv", "--format", "xls")
    assert error == "error: unknown format 'xls'"
    assert hint == "hint: --format tsv|csv|parquet|jsonl|text|po|xliff|tmx|srt|vtt"


def test_a_name_that_holds_control_characters_is_shown_without_them(translate_fails):
    error, _ = translate_fails("no\x1b[31m\nsuch.tsv")
    assert error.startswith("error: no\N{REPLACEMENT CHARACTER}[31m")


def test_a_context_without_room_for_a_source(shell, stand_ins, translate_fails):
    card = write_card(shell.folder / "short.toml", "small")
    card.write_text(card.read_text().replace("1000000", "64\ncap_extra = 50"))
    (shell.folder / "in.txt").write_text("quiet\n")
    error, hint = translate_fails("in.txt", "--small", card, "--force-router")
    assert "short.toml: the prompt takes 7 of the context's 64 tokens" in error
    assert "raise context_tokens" in hint


# -- the output ----------------------------------------------------------------------------------


def test_the_outputs_folder_does_not_exist(shell, translate_fails, corpus):
    error, hint = translate_fails("in.tsv", "-o", "no/such/out.tsv")
    assert error == "error: no/such/out.tsv: its folder does not exist"
    assert hint == "hint: make it first: mkdir -p no/such"


def test_the_output_is_a_directory(shell, translate_fails, corpus):
    (shell.folder / "out").mkdir()
    assert translate_fails("in.tsv", "-o", "out")[0] == "error: out: the output is a folder"


@pytest.mark.parametrize("name", ["in.tsv", "./in.tsv", "link.tsv"])
def test_the_output_is_the_input(shell, translate_fails, corpus, name):
    (shell.folder / "link.tsv").symlink_to("in.tsv")
    before = corpus.read_bytes()
    error, _ = translate_fails("in.tsv", "-o", name, "--overwrite")
    assert error.endswith(": the output is the input")
    assert corpus.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_the_outputs_folder_is_not_writable(shell, translate_fails, corpus):
    (shell.folder / "mine").mkdir(mode=0o500)
    error, _ = translate_fails("in.tsv", "-o", "mine/out.tsv")
    assert error == "error: mine/out.tsv: its folder is not writable"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's /proc")
def test_the_system_refuses_the_output(translate_fails, corpus):
    # Where even root cannot write; what exactly refuses is the system's affair.
    error, hint = translate_fails("in.tsv", "-o", "/proc/out.tsv")
    assert error.startswith("error: /proc/out.tsv")
    assert hint.endswith("to a folder of your own with -o")


def test_the_run_folders_place_is_taken_by_a_file(shell, translate_fails, corpus):
    (shell.folder / "out.tsv.routelmt").write_text("")
    error, hint = translate_fails("in.tsv", "-o", "out.tsv")
    assert "out.tsv.routelmt: cannot make the run folder" in error
    assert hint


# -- cards, languages, routers -------------------------------------------------------------------


def test_no_such_card(fails, corpus):
    error, hint = fails("translate", "in.tsv", "--budget", "1", "--small", "nope")
    assert error == "error: no model card is called 'nope'"
    assert "gemma3-270m, " in hint and "smollm2-135m; or give the path" in hint
    assert fails("models", "show", "nope.toml")[0] == "error: nope.toml: no such model card"


PRICE = "[price]\nusd_per_million_tokens = { input = 1, output = 1 }\n"
CARDS = {
    "no TOML": ("name = = 3", "not a valid TOML model card"),
    "not UTF-8": (b'name = "\xff"', "not a valid TOML model card"),
    "no name": (f'backend = "stand-in"\n{PRICE}', "'name' is missing"),
    "no price": ('name = "x"\nbackend = "stand-in"\n', "section [price] is missing"),
    "half a price": (
        'name = "x"\nbackend = "stand-in"\n[price]\nusd_per_million_tokens = { input = 1 }\n',
        "'output' is missing",
    ),
    "a negative price": (
        f'name = "x"\nbackend = "stand-in"\n{PRICE.replace("input = 1", "input = -1")}',
        "negative",
    ),
    "an unknown backend": (f'name = "x"\nbackend = "oracle"\n{PRICE}', "unknown backend 'oracle'"),
    "no weights": (f'name = "x"\n{PRICE}', "section [weights] is missing"),
    "a number as a name": (f'name = 3\nbackend = "stand-in"\n{PRICE}', "'name' has the wrong type"),
}


@pytest.mark.parametrize(("text", "message"), CARDS.values(), ids=CARDS.keys())
def test_a_wrong_card(shell, fails, corpus, text, message):
    data = text if isinstance(text, bytes) else text.encode()
    (shell.folder / "card.toml").write_bytes(data)
    for command in (
        ["models", "check", "card.toml"],
        ["translate", "in.tsv", "--small", "card.toml", "--from", "en", "--to", "de"],
    ):
        budget = ["--budget", "1"] if command[0] == "translate" else []
        error, _ = fails(*command, *budget)
        assert error.startswith("error: card.toml: ")
        assert message in error


def test_a_pair_without_a_router(fails, stand_ins, corpus):
    pair = ["--small", stand_ins.small, "--large", stand_ins.large, "--budget", "1"]
    error, hint = fails("translate", "in.tsv", *pair, "--from", "en", "--to", "de")
    assert error.startswith("error: no router for en-de with stand-in-small + stand-in-large")
    assert "routelmt calibrate CORPUS --from en --to de -o NAME.router" in hint


def test_languages_that_nothing_tells(fails, stand_ins, corpus):
    pair = ["--small", stand_ins.small, "--large", stand_ins.large, "--budget", "1"]
    error, hint = fails("translate", "in.tsv", *pair)
    assert error.startswith("error: the languages are not given")
    assert "--from es --to en" in hint


@pytest.mark.parametrize("codes", [("xx", "en"), ("es", "english"), ("es", ""), ("es", "e/n")])
def test_a_language_code_that_is_none(fails, corpus, codes):
    source, target = codes
    error, hint = fails("translate", "in.tsv", "--budget", "1", "--from", source, "--to", target)
    assert error.startswith("error: unknown language code '")
    assert "BCP 47" in hint


def test_a_router_for_other_models(shell, stand_ins, fails, corpus):
    write_card(shell.folder / "other.toml", "large", skill=0.95)
    error, hint = fails(
        "translate", "in.tsv", *stand_ins.options(), "--large", "other.toml", "--budget", "1"
    )
    assert error.endswith("this router was calibrated for another large model")
    assert "--force-router" in hint


def test_a_router_for_another_language(translate_fails, corpus):
    error, _ = translate_fails("in.tsv", "--to", "fr")
    assert "this router was calibrated for another language pair" in error


def test_no_such_router(translate_fails, corpus):
    error, hint = translate_fails("in.tsv", "--router", "nope.router")
    assert error == "error: router nope.router does not exist"
    assert hint


@pytest.mark.parametrize("part", ["router.json", "trees-0.txt", "pieces-0.spm.model"])
@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_a_damaged_router(shell, stand_ins, translate_fails, corpus, part, damage):
    bundle = shell.folder / "bad.router"
    shutil.copytree(stand_ins.router, bundle)
    file = bundle / part
    data = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    else:
        file.write_bytes(data.replace(b"e", b"\xff", 1))
    error, hint = translate_fails("in.tsv", "--router", "bad.router")
    assert "bad.router" in error and part in error
    assert hint
