"""``routelmt evaluate``: what it prints and writes for a router whose predictions are known."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from made_up import SOURCES, write_card

from routelmt_cli.features.schema import FEATURE_NAMES
from routelmt_cli.gain.metadata import ModelIdentity, RouterMetadata
from routelmt_cli.gain.router import GainPrediction
from routelmt_cli.run import evaluation

TYPER = "0.29"

METADATA = RouterMetadata(
    pairs=(("en", "de"),),
    small=ModelIdentity("stand-in-small", "a"),
    large=ModelIdentity("stand-in-large", "b"),
    metric_signature="columns draft_score and large_score",
    segments=1234,
    provenance="made up",
    figures={},
    seeds=(0,),
    candidate="none",
    prior="",
    lightgbm_version="4",
)


class Router:
    """Predicts the share of reversed words that ``damaged`` put into a draft, in points."""

    metadata = METADATA
    fingerprint = "f" * 64
    pairs = ("en-de",)
    safeguards = None

    def __init__(self, **parts):
        self.parts = parts
        self.profiles = {"en-de": self, "fr-de": self}
        self.background = SimpleNamespace(source_pieces=None)
        self.centre = np.zeros(len(FEATURE_NAMES))

    def knows(self, pair):
        return pair in self.pairs

    def adapted(self, pair, table):
        other = Router(**self.parts)
        other.pairs = (pair,)
        return other

    def predict(self, table, pair):
        assert self.knows(pair)
        gain = np.array([30.0 * _damage(draft) for draft in table.drafts])
        parts = {name: make(gain) for name, make in self.parts.items()}
        return GainPrediction(gain, table.source_tokens + 0.5, **parts)


def _damage(draft):
    words = draft.split()
    return sum(word.startswith("~") for word in words) / max(1, len(words))


def _rows(sources=SOURCES[:80]):
    """Make rows whose gain is what the router predicts, and some luck."""
    luck = random.Random(4)
    rows = []
    for number, source in enumerate(sources):
        share = luck.random()
        draft = " ".join(f"~{word}" if luck.random() < share else word for word in source.split())
        score = 40 + 30 * luck.random()
        gain = 30 * _damage(draft) - 8 + luck.gauss(0, 6)
        rows.append(
            {
                "id": f"s{number}",
                "source": source,
                "draft": draft,
                "retranslation": source,
                "reference": source,
                "draft_score": f"{score:.2f}",
                "large_score": f"{score + gain:.2f}",
            }
        )
    return rows


@pytest.fixture
def write(shell):
    """Write rows as ``in.tsv`` into the shell's folder."""

    def write(rows, name="in.tsv", leave_out=()):
        columns = [column for column in rows[0] if column not in leave_out]
        lines = ["\t".join(columns), *("\t".join(row[one] for one in columns) for row in rows)]
        path = shell.folder / name
        path.write_text("\n".join([*lines, ""]), "utf-8")
        return path

    return write


@pytest.fixture
def use(monkeypatch):
    """Let a bundle of any name be a router."""

    def use(router):
        monkeypatch.setattr(evaluation, "load_router", lambda path: router)

    use(Router())
    return use


@pytest.fixture
def card(shell):
    return write_card(shell.folder / "large.toml", "large")


@pytest.fixture
def evaluate(shell, use, write, card):
    """Evaluate the rows with their score columns; return the result."""

    def run(*arguments, rows=None, scores=True, **options):
        if rows is not False:
            write(_rows() if rows is None else rows)
        columns = ["--draft-score", "draft_score", "--retranslation-score", "large_score"]
        command = ["evaluate", "in.tsv", "--router", "r", "--large", "large.toml"]
        command += ["--samples", "30"]
        return shell.run(*command, *(columns if scores else []), *arguments, **options)

    return run


@pytest.fixture
def found(evaluate):
    """Evaluate with --json; return the object."""

    def run(*arguments, **options):
        result = evaluate("--json", *arguments, **options)
        assert result.code == 0, result.stderr
        assert result.text.count("\n") == 1
        assert result.text.isascii()  # and so harmless in a terminal
        return json.loads(result.text)

    return run


@pytest.mark.skipif(not typer.__version__.startswith(f"{TYPER}."), reason=f"typer is not {TYPER}")
def test_help(shell, golden):
    result = shell.run("evaluate", "--help")
    assert (result.code, result.stderr) == (0, "")
    golden("help_evaluate", result.text)


def test_tables(evaluate, use, golden):
    use(Router(probe_gain=lambda gain: np.round(gain / 10), draft_quality=lambda gain: -gain))
    result = evaluate()
    assert result.code == 0
    golden("evaluate", f"{result.text}--- stderr\n{result.stderr}")


def test_nothing_is_cut_on_a_narrow_terminal(evaluate, shell):
    wide = evaluate().text
    shell.environment["COLUMNS"] = "40"
    assert evaluate().text == wide


def test_quiet_says_nothing_beside_the_answer(evaluate):
    result = evaluate("-q", "--plot", "p.svg")
    assert (result.code, result.stderr) == (0, "")
    assert "nAUC" in result.text


def test_json_holds_everything(found):
    values = found("--share", "0.5", "--seed", "3", "--samples", "40")
    assert (values["segments"], values["share"]) == (78, 0.5)  # two of the rows are blank
    assert values["metric"] == "columns draft_score and large_score"
    assert values["bootstrap"] == {"samples": 40, "seed": 3, "block_length": 10}
    assert list(values["budgets"]) == ["calls", "dollars_by_length", "dollars_by_segment"]
    calls = values["budgets"]["calls"]
    assert len(values["curve_shares"]) == len(calls["orderings"]["random"]["curve"]) == 101
    assert calls["orderings"]["true gain"]["area"] == 1.0
    assert calls["orderings"]["router"]["area"] > 0.5
    assert calls["mean_gain"]["all_large"] == pytest.approx(values["gain"]["mean"])
    ends = values["score"]
    assert ends["all_large"] - ends["all_small"] == pytest.approx(values["gain"]["mean"], abs=1e-5)
    assert values["verdict"].startswith("beats every rule")
    assert values["router"]["fingerprint"] == "f" * 64


def test_scores_are_used_as_they_are(found):
    rows = [row for row in _rows() if row["source"].strip()]
    gains = [float(row["large_score"]) - float(row["draft_score"]) for row in rows]
    assert found()["gain"]["mean"] == pytest.approx(np.mean(gains), abs=1e-6)


def test_references_are_scored_by_the_metric(found):
    values = found(scores=False)
    assert values["metric"].startswith("chrF2++|")
    # Retranslations are the references.
    assert values["score"]["all_large"] == pytest.approx(100)
    assert values["remarks"][0].startswith("gains are in chrF2++|")
    assert found("--metric", "bleu", scores=False)["metric"].startswith("BLEU|")


def test_guarded_retranslations_gain_nothing(found, write):
    rows = _rows()
    rows[5]["retranslation"] = rows[6]["retranslation"] = ""
    write(rows)
    values = found(rows=False)
    assert values["gain"]["kept_drafts"] == {"empty": 2}
    told = "retranslations that would not be used, so gain nothing: empty 2"
    assert told in values["remarks"]


def test_a_budget_of_dollars_is_priced_by_the_card(found, shell):
    values = found("--predictions", "p.tsv")
    header, *lines = (shell.folder / "p.tsv").read_text("utf-8").splitlines()
    assert header == "id\tpredicted_gain\tcost_usd"
    cells = {line.split("\t")[0]: line.split("\t")[1:] for line in lines}
    rows = {row["id"]: row for row in _rows() if row["source"].strip()}
    assert list(cells) == list(rows)
    total = 0.0
    for name, (gain, cost) in cells.items():
        tokens = -(-len(rows[name]["source"].encode()) // 4)
        # 1 USD a million tokens in, 4 out; one token more comes out than goes in.
        assert float(cost) == pytest.approx((tokens + 4 * (tokens + 1)) / 1e6)
        assert float(gain) == pytest.approx(30 * _damage(rows[name]["draft"]))
        total += float(cost)
    assert values["price"]["all_large_nanousd"] == pytest.approx(total * 1e9)
    assert values["price"]["card"] == "stand-in-large"


def test_a_prompt_that_every_request_pays_for_is_priced(found, card):
    once = found()["price"]["all_large_nanousd"]
    text = card.read_text("utf-8")
    text = text.replace("[decoding]", 'shared_prefix = "every request"\n[decoding]')
    instruction = "x" * 400
    text += f'[prompt]\nkind = "completion"\ninstruction = "{instruction}"\n'
    card.write_text(text + 'template = "{source}{target}"\n', "utf-8")
    # 400 and 16 characters are 104 tokens, which cost 1,000 nanodollars each.
    assert found()["price"]["all_large_nanousd"] == once + 78 * 104 * 1000


def test_a_free_model_has_no_budget_of_dollars(found, card):
    text = card.read_text("utf-8").replace("input = 1.0, output = 4.0", "input = 0, output = 0")
    card.write_text(text, "utf-8")
    values = found()
    assert list(values["budgets"]) == ["calls"]
    assert "stand-in-large costs nothing, so there is no budget of dollars" in values["remarks"]


def test_the_price_without_a_card_is_told(shell, use, write):
    write(_rows())
    scores = ["--draft-score", "draft_score", "--retranslation-score", "large_score"]
    result = shell.run("evaluate", "in.tsv", "--router", "r", *scores)
    assert result.code == 0
    told = "retranslations are priced as gemma3-270m; name another card with --large"
    assert told in result.error_lines


def test_another_language_is_told_and_no_error(evaluate):
    result = evaluate("--from", "fr")
    assert result.code == 0
    told = "the router was calibrated for en-de, and is adapted to fr-de here"
    assert told in result.error_lines


def test_log_probabilities_that_the_router_misses_are_told(found, use):
    router = Router()
    use(router)
    assert not any("log-probabilities" in remark for remark in found()["remarks"])
    router.centre[FEATURE_NAMES.index("logprob_mean")] = -0.7
    assert any("log-probabilities" in remark for remark in found()["remarks"])


def test_a_severe_regression_is_what_the_router_calls_so(evaluate, use):
    router = Router()
    router.safeguards = SimpleNamespace(severe=-2.5)
    use(router)
    assert " lose 2.5 points or more\n" in evaluate().text


def test_a_router_of_several_pairs_needs_to_know_which(evaluate, use):
    router = Router()
    router.metadata = replace(METADATA, pairs=(("en", "de"), ("fr", "de")))
    use(router)
    result = evaluate()
    assert result.code == 2
    assert result.error_lines == [
        "error: r is for several language pairs: en-de, fr-de",
        "hint: name one with --from and --to",
    ]
    assert evaluate("--from", "en").code == 0


def test_rows_are_numbered_where_there_is_no_id(evaluate, write, shell):
    write(_rows(), leave_out=("id",))
    assert evaluate("--predictions", "p.tsv", rows=False).code == 0
    lines = (shell.folder / "p.tsv").read_text("utf-8").splitlines()
    # The first segment and the 72nd are blank.
    assert [line.split("\t")[0] for line in lines[1:4]] == ["2", "3", "4"]
    assert len(lines) == 79


def test_ids_stay_on_their_line(evaluate, shell):
    rows = [{**row, "id": "a\tb\nc"} for row in _rows()]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (shell.folder / "in.jsonl").write_text(text, "utf-8")
    command = ["evaluate", "in.jsonl", "--router", "r", "--predictions", "p.tsv"]
    assert shell.run(*command).code == 0
    lines = (shell.folder / "p.tsv").read_text("utf-8").splitlines()
    assert len(lines) == 79
    assert lines[1].startswith("a b c\t") and lines[1].count("\t") == 2


def test_models_that_hardly_differ(evaluate, write):
    rows = [{**row, "large_score": row["draft_score"]} for row in _rows()]
    result = evaluate(rows=rows)
    assert result.code == 0
    assert "calls: the models hardly differ here" in result.text
    values = json.loads(evaluate("--json", rows=rows).text)
    for budget in values["budgets"].values():
        shares = {one["recovered_share"] for one in budget["orderings"].values()}
        assert shares == {0.0}


def test_pictures_and_page(evaluate, shell):
    for name in ("p.svg", "p.html"):
        (shell.folder / name).write_text("an earlier result")
    (shell.folder / ".p.svg.writing").symlink_to(shell.folder / "in.tsv")
    result = evaluate("--plot", "p.svg", "--html", "p.html")
    assert result.code == 0
    assert result.error_lines[-2:] == ["wrote p.svg", "wrote p.html"]
    assert (shell.folder / "p.svg").read_text("utf-8").startswith("<svg ")
    page = (shell.folder / "p.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>") and page.count("<svg ") == 1
    for fact in ("in.tsv, 78 segments, en to de", "1,234 segments: made up", "f" * 64):
        assert fact in page
    assert not [path for path in shell.folder.iterdir() if path.name.endswith(".writing")]


def test_standard_input(shell, use, write):
    text = write(_rows()).read_bytes()
    command = ["evaluate", "-", "--format", "tsv", "--router", "r", "--json", "-q"]
    result = shell.run(*command, stdin=text)
    assert (result.code, result.stderr) == (0, "")
    assert json.loads(result.text)["input"] == "-"


def test_without_a_header(shell, use, write, card):
    path = write(_rows())
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    numbers = ["--source-column", "2", "--draft-column", "3", "--retranslation-column", "4"]
    scores = ["--draft-score", "6", "--retranslation-score", "7"]
    command = ["evaluate", "in.tsv", "--router", "r", "--no-header", "--json", *numbers, *scores]
    result = shell.run(*command)
    assert result.code == 0, result.stderr
    assert json.loads(result.text)["segments"] == 78


def test_a_router_of_calibrate(shell, stand_ins, write):
    write(_rows(), leave_out=("draft_score", "large_score"))
    command = ["evaluate", "in.tsv", "--router", stand_ins.router, "--large", stand_ins.large]
    result = shell.run(*command, "--json")
    assert result.code == 0, result.stderr
    values = json.loads(result.text)
    assert values["router"]["large"] == "stand-in-large"
    assert "rarest source first" in values["budgets"]["calls"]["orderings"]
