"""``calibrate``: what its training is given, from given hypotheses and from both models."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
from made_given import COLUMNS, LANGUAGES, SCORES, given_rows, write_rows

from routelmt_cli.gain.bundle import load_bundle, save_bundle
from routelmt_cli.gain.calibration import CalibrationContext, CalibrationOptions
from routelmt_cli.gain.labels import gain_labels
from routelmt_cli.gain.metadata import ModelIdentity
from routelmt_cli.run import calibration as run_calibration
from routelmt_cli.run import calibration_training, given_hypotheses, source_language
from routelmt_cli.run.calibration import calibrate
from routelmt_cli.run.options import CalibrateOptions, CorpusOptions, PairOptions


@pytest.fixture
def given(shell):
    """Write the rows as ``given.tsv``."""
    return write_rows(shell.folder / "given.tsv", given_rows())


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Calibrate once for real, but with as little training as there can be."""
    folder = tmp_path_factory.mktemp("given")
    options = CalibrateOptions(
        corpus=CorpusOptions(write_rows(folder / "given.tsv", given_rows())),
        pair=PairOptions("en", "de", "A", "B"),
        output=folder / "new.router",
        draft_column="small",
        retranslation_column="large",
        prior="none",
        folds=2,
    )
    little = partial(CalibrationOptions, seeds=1, search_trials=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration_training, "CalibrationOptions", little)
        (made,) = calibrate(options).calibrations.values()
        return made


@pytest.fixture
def trainings(monkeypatch, once):
    """Take the training's place, which is tested elsewhere; list what it was called with."""
    calls = []

    def train(table, retranslations, labels, context, *, pairs, documents, prior, options):
        calls.append(SimpleNamespace(**locals()))
        return once

    monkeypatch.setattr(calibration_training, "calibrate", train)
    return calls


@pytest.fixture
def trained(shell, trainings):
    """Run a ``calibrate`` up to its training; return its commentary and the training's input."""

    def run(*arguments, columns=COLUMNS, languages=LANGUAGES):
        result = shell.run("calibrate", *columns, *languages, "-o", "a.router", *arguments)
        assert result.code == 0, result.stderr
        return result.error_lines, trainings[-1]

    return run


def test_no_model_is_needed(shell, trained, once, given, golden, mask_figures, monkeypatch):
    for module in ("run.pair", "run.forced_scoring"):
        for name in ("find_card", "find_model"):
            monkeypatch.delattr(f"routelmt_cli.{module}.{name}")
    result = shell.run("calibrate", "given.tsv", *COLUMNS, *LANGUAGES, "-o", "new.router")
    assert result.code == 0, result.stderr
    commentary = "\n".join(result.error_lines)
    report = f"{result.stdout.decode()}--- stderr\n{commentary}\n"
    # What was chosen and whether it is ahead depends on LightGBM's version too.
    report = re.sub(r"(?m)^(mix: |beats|ahead|no better).*$", "...", mask_figures(report))
    golden("calibrate_given_report", report)
    metadata = load_bundle(shell.folder / "new.router").metadata
    assert metadata == once.router.metadata
    assert metadata.figures["draft_tokens_per_source_token"] == pytest.approx(1, abs=0.1)
    assert not (shell.folder / "new.router.routelmt").exists()


def test_a_calibration_from_end_to_end(once):
    metadata = once.router.metadata
    assert metadata.segments == 70
    assert metadata.pairs == (("en", "de"),)
    assert metadata.metric_signature.startswith("chrF2++|nrefs:1")
    assert metadata.small == ModelIdentity("A", "elsewhere:A")
    assert metadata.large == ModelIdentity("B", "elsewhere:B")


def test_the_router_is_refused_by_a_run_unless_forced(shell, once, stand_ins, corpus):
    save_bundle(once.router, shell.folder / "new.router")
    pair = ["--small", stand_ins.small, "--large", stand_ins.large, "--router", "new.router"]
    refused = shell.run("translate", "in.tsv", *pair, "--budget", "1")
    assert refused.code == 2
    assert "another small model, large model" in refused.stderr
    forced = shell.run("translate", "in.tsv", *pair, "--budget", "1", "--force-router")
    assert forced.code == 0, forced.stderr


def test_the_router_is_taken_for_cards_of_the_names_that_were_given(shell, once, stand_ins, corpus):
    metadata = replace(
        once.router.metadata,
        small=ModelIdentity.made_elsewhere("stand-in-small"),
        large=ModelIdentity.made_elsewhere("stand-in-large"),
    )
    save_bundle(replace(once.router, metadata=metadata), shell.folder / "new.router")
    pair = ["--small", stand_ins.small, "--large", stand_ins.large, "--router", "new.router"]
    result = shell.run("translate", "in.tsv", *pair, "--budget", "1")
    assert result.code == 0, result.stderr
    assert "known by their names alone" in result.error_lines[0]


def test_what_the_training_is_given(trained, given):
    options = ["--folds", "3", "--seed", "4", "--prior", "none", "--guard-threshold", "-7.5"]
    commentary, call = trained("given.tsv", "--document-column", "doc", *options)
    rows = given_rows()
    assert commentary == ["spent $0.00; wrote a.router"]
    assert call.table.drafts == [row["small"] for row in rows]
    assert call.table.token_logprobs is None
    assert call.retranslations.texts == [row["large"] for row in rows]
    # One estimate for all texts, of four bytes a token.
    assert call.table.source_tokens[0] == -(-len(rows[0]["source"]) // 4)
    assert call.retranslations.tokens[0] == -(-len(rows[0]["large"]) // 4)
    expected = gain_labels(
        call.table.sources,
        call.table.drafts,
        call.retranslations.texts,
        [row["reference"] for row in rows],
        call.retranslations.truncated,
        target_language="de",
    )
    assert call.labels.gain.tolist() == expected.gain.tolist()
    assert call.pairs == [("en", "de")] * 70
    assert call.documents == [str(row["doc"]) for row in rows]
    assert call.options == CalibrationOptions(seed=4, folds=3, severe=-7.5)
    assert call.prior is None
    assert call.context == CalibrationContext(
        ModelIdentity("draft column", "elsewhere:draft column"),
        ModelIdentity("retranslation column", "elsewhere:retranslation column"),
        "70 segments of the user's corpus",
    )


def test_a_prior_of_the_users(shell, trained, once, given):
    save_bundle(once.router, shell.folder / "prior.router")
    _, call = trained("given.tsv", "--prior", "prior.router")
    assert call.prior.fingerprint == once.router.fingerprint


@pytest.mark.parametrize("ending", ["tsv", "jsonl", "parquet"])
def test_score_columns_of_every_format(shell, trained, ending):
    rows = given_rows()
    for row in rows:
        del row["reference"]
    rows[5]["large"] = ""  # the second guard keeps the draft
    write_rows(shell.folder / f"scored.{ending}", rows)
    _, call = trained(f"scored.{ending}", "--document-column", "doc", *SCORES)
    assert call.labels.metric_signature == "columns 'cx', 'cy'"
    assert call.labels.gain[4] == pytest.approx(rows[4]["cy"] - rows[4]["cx"])
    assert call.labels.gain[5] == 0
    assert call.labels.reasons[5] == "empty"
    assert call.documents[11] == "1"


@pytest.mark.parametrize(("metric", "signature"), [("bleu", "BLEU|"), ("ter", "100-TER|")])
def test_other_metrics(trained, given, metric, signature):
    _, call = trained("given.tsv", "--metric", metric, "--small", "A", "--large", "B")
    assert call.labels.metric_signature.startswith(signature)
    assert call.labels.gain.mean() > 1  # higher is better for both
    assert call.context.small == ModelIdentity("A", "elsewhere:A")
    assert call.context.large == ModelIdentity("B", "elsewhere:B")


def test_a_column_of_languages(trained, given):
    _, call = trained("given.tsv", languages=["--language-column", "lp"])
    assert [str(pair) for pair in call.pairs] == [row["lp"] for row in given_rows()]


def test_the_second_guard_knows_each_rows_target(shell, trained):
    rows = given_rows()
    for row in rows[:4]:
        row["large"] = "целиком и полностью написано по русски, как это бывает"
    rows[0]["lp"] = rows[2]["lp"] = "en-ru"
    write_rows(shell.folder / "given.tsv", rows)
    _, call = trained("given.tsv", languages=["--language-column", "lp"])
    assert call.labels.reasons[:4] == ["", "script", "", "script"]
    assert call.labels.gain[1] == 0 > call.labels.gain[0]


def test_several_corpora(shell, trained, given):
    write_rows(shell.folder / "other.jsonl", given_rows(60, seed=1))
    languages = ["--from", "de", "--from", "fr", "--to", "en"]
    arguments = ["given.tsv", "other.jsonl", "--document-column", "doc"]
    _, call = trained(*arguments, languages=languages)
    assert call.pairs == [("de", "en")] * 70 + [("fr", "en")] * 60
    assert call.table.drafts[70:] == [row["small"] for row in given_rows(60, seed=1)]
    assert (call.documents[0], call.documents[70]) == ("1/0", "2/0")


def test_standard_input(shell, trainings, given):
    command = ["calibrate", "-", "--format", "tsv", *COLUMNS, *LANGUAGES, "-o", "a.router"]
    assert shell.run(*command, stdin=given.read_bytes()).code == 0
    assert len(trainings[-1].table) == 70


def test_a_sample_keeps_the_order_of_the_corpus(trained, given):
    call = trained("given.tsv", "--limit", "55")[1]
    places = [[row["small"] for row in given_rows()].index(text) for text in call.table.drafts]
    assert len(places) == 55
    assert places == sorted(places) != list(range(55))


def test_rows_without_a_reference_are_left_out_and_counted(shell, trained):
    rows = given_rows()
    for row in rows[:12]:
        row["reference"] = " "
    rows[20]["source"] = ""
    write_rows(shell.folder / "given.tsv", rows)
    commentary, call = trained("given.tsv")
    assert commentary[0] == "given.tsv: 12 of 69 rows have no reference and were left out"
    assert len(call.table) == 57


def test_swapped_columns_are_noticed(trained, given):
    columns = ["--draft-column", "large", "--retranslation-column", "small"]
    commentary, _ = trained("given.tsv", columns=columns)
    assert commentary[0].startswith("the draft column scores ")
    assert commentary[0].endswith("are the columns swapped?")


def test_identical_sources_and_scores_of_another_unit_are_noticed(shell, trained):
    rows = given_rows()
    for row in rows:
        row.update(source="the same", cx=row["cx"] / 100, cy=row["cy"] / 100)
    write_rows(shell.folder / "given.tsv", rows)
    commentary, _ = trained("given.tsv", *SCORES)
    assert "all sources are the same" in commentary[0]
    assert "--guard-threshold -10 is in the scores' own unit" in commentary[1]


def test_drafts_scored_by_a_model(trained, given, stand_ins):
    options = ["--score-with", stand_ins.small, "--budget", "0.01"]
    commentary, call = trained("given.tsv", *options, languages=["--language-column", "lp"])
    assert re.fullmatch(
        r"scoring 70 drafts with stand-in-small costs up to "
        r"\$0\.0\d+ a segment, \$0\.0\d+ in all",
        commentary[0],
    )
    words = [len(row["small"].split()) for row in given_rows()]
    lengths = [len(values) for values in call.table.token_logprobs]
    assert lengths == call.table.draft_tokens.tolist() == [count + 1 for count in words]
    assert [len(values) for values in call.table.token_margins] == lengths
    # Input tokens of both prompts' prefix, once each, and of every source and draft.
    read = [2 * count + 1 for count in words]
    spend = 2 * math.ceil(7 * 0.1 * 1000) + sum(math.ceil(tokens * 0.1 * 1000) for tokens in read)
    assert commentary[-1] == f"spent ${spend / 1e9:.7f}; wrote a.router"


@pytest.fixture
def with_models(trained, stand_ins):
    """Run a ``calibrate`` by both models up to its training."""

    def run(*arguments):
        pair = ["--small", stand_ins.small, "--large", stand_ins.large]
        return trained("in.tsv", *arguments, columns=pair)

    return run


def test_models_make_what_is_not_given(shell, with_models, read_ledger, corpus):
    call = with_models("--document-column", "id", "--metric", "bleu")[1]
    assert len(call.table) == 112  # distinct segments with text
    assert call.table.token_logprobs is not None
    assert call.labels.retranslation_scores.mean() > call.labels.draft_scores.mean() > 0
    assert call.pairs == [("en", "de")] * 112
    assert call.documents[:2] == ["1", "2"]
    assert call.labels.metric_signature.startswith("BLEU|")
    assert call.context.small.name == "stand-in-small"
    assert read_ledger(shell.folder / "a.router.routelmt").count("large") == 112


def test_models_translate_the_sample_alone(shell, with_models, read_ledger, corpus):
    call = with_models("--limit", "60")[1]
    ledger = read_ledger(shell.folder / "a.router.routelmt")
    assert ledger.count("small") == ledger.count("large") == len(call.table) == 60
    lengths = sorted(len(source) for source in call.table.sources)
    assert lengths[0] < 20 and lengths[-1] > 100  # not the first ones, but of all lengths
    # A larger sample holds the smaller one, which is not bought again.
    again = with_models("--limit", "80", "--overwrite")[1]
    assert set(call.table.sources) < set(again.table.sources)
    assert read_ledger(shell.folder / "a.router.routelmt").count("large") == 80


def test_models_translate_what_has_a_reference(shell, with_models):
    write_rows(
        shell.folder / "in.tsv",
        [{**row, "reference": "" if n < 5 else "x"} for n, row in enumerate(given_rows())],
    )
    commentary, call = with_models()
    assert commentary[0] == "in.tsv: 5 of 67 rows have no reference and were left out"
    assert len(call.table) == 62  # three of the seventy rows repeat another


def test_the_corpus_tells_its_language(shell, trained, given, stand_ins, corpus, monkeypatch):
    pytest.importorskip("py3langid", reason="needs the extra: pip install '.[detect]'")
    commentary, call = trained("given.tsv", languages=("--to", "de"))
    assert "source language: en (detected in 70 segments, 100.0% sure)" in commentary
    assert call.pairs == [("en", "de")] * 70
    models = ["--small", stand_ins.small, "--large", stand_ins.large, "--overwrite"]
    commentary, call = trained("in.tsv", columns=models, languages=("--to", "de"))
    assert "source language: en (detected in 117 segments, 100.0% sure)" in commentary
    monkeypatch.setattr(source_language, "detect_language", None)
    commentary, call = trained("in.tsv", columns=models, languages=("--to", "de"))
    assert "source language: en (as this run was begun)" in commentary
    assert call.pairs == [("en", "de")] * 112


def test_without_the_extra_the_language_is_to_be_named(shell, given, corpus, stand_ins, fails):
    models = ["--small", stand_ins.small, "--large", stand_ins.large]
    with pytest.MonkeyPatch.context() as patch:
        for room in (given_hypotheses, source_language, run_calibration):
            patch.setattr(room, "can_detect", lambda: False)
        for arguments in (["given.tsv", *COLUMNS], ["in.tsv", *models]):
            error, hint = fails("calibrate", *arguments, "--to", "de", "-o", "a.router")
            assert error == "error: the languages are not given" and "--from" in hint
