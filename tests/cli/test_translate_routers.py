"""Which router a ``translate`` takes, and what it says where that one is not made for the run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_routers import (
    of_another_pair,
    prior_of,
    with_figures,
    with_limits,
    with_metadata,
    with_probe,
)
from made_up import SOURCES, rows_of, write_card

from routelmt_cli.gain import catalogue
from routelmt_cli.gain.bundle import load_bundle, save_bundle
from routelmt_cli.gain.metadata import ModelIdentity

BUDGET = ("--budget", "0.004")


@pytest.fixture
def router(stand_ins):
    """Load the router of the pair of stand-ins."""
    return load_bundle(stand_ins.router)


@pytest.fixture
def shipped(tmp_path_factory, monkeypatch):
    """Ship bundles in the place of the real ones."""
    folder = tmp_path_factory.mktemp("models")
    monkeypatch.setattr(catalogue, "models_folder", lambda: folder)

    def ship(**routers):
        for name, router in routers.items():
            save_bundle(router, folder / f"{name}.router")

    return ship


@pytest.fixture
def translate(shell, stand_ins, corpus):
    """Translate ``in.tsv`` from English with the stand-ins, naming no router."""
    models = ("--small", stand_ins.small, "--large", stand_ins.large)

    def run(*arguments, to=("--from", "en", "--to", "de")):
        return shell.run("translate", "in.tsv", *models, *to, "-o", "out.tsv", *BUDGET, *arguments)

    return run


def _tiers(shell):
    return [row["tier"] for row in rows_of(shell.folder / "out.tsv")]


def test_the_shipped_router_of_the_pair_is_taken_and_the_prior_is_not(
    translate, shipped, router, shell, read_report
):
    shipped(a=of_another_pair(router, ("fr", "de")), b=router, prior=prior_of(router))
    result = translate()
    assert result.code == 0, result.stderr
    assert "prior" not in result.stderr and "warning" not in result.stderr
    assert read_report(shell.folder / "out.tsv.routelmt")["routers"]["large"] == {
        "name": "en-de",
        "fingerprint": router.fingerprint,
    }


def test_the_languages_come_from_the_only_shipped_router(translate, shipped, router):
    shipped(a=router, prior=prior_of(router))
    result = translate(to=())
    assert result.code == 0, result.stderr
    assert "languages: en to de (the router's)" in result.error_lines


@pytest.mark.parametrize("given", [(), ("--from", "en")])
def test_languages_that_a_router_of_several_pairs_does_not_tell(
    translate, shipped, router, shell, given
):
    several = of_another_pair(router, ("en", "de"), ("en", "fr"), ("es", "fr"))
    shipped(a=several)
    result = translate(to=given)
    assert (result.code, result.stdout) == (2, b"")
    assert result.error_lines[0].startswith("error: the languages are not given")
    assert "--from" in result.error_lines[1]
    save_bundle(several, shell.folder / "several.router")
    result = translate("--router", "several.router", to=given)
    assert result.error_lines[0].startswith("error: the languages are not given")


def test_what_one_pair_of_several_tells(translate, shipped, router):
    shipped(a=of_another_pair(router, ("en", "de"), ("es", "fr")))
    result = translate(to=("--from", "en"))
    assert result.code == 0, result.stderr
    assert "languages: en to de (the router's)" in result.error_lines


def test_without_a_router_the_prior_is_taken_and_says_so(
    translate, shipped, router, shell, read_report
):
    write_card(shell.folder / "other.toml", "large", skill=0.95)
    shipped(a=router, prior=prior_of(router, recovered_share=0.31, verdict="beats every rule"))
    result = translate("--large", "other.toml", "--explain")
    assert result.code == 0, result.stderr
    (note,) = [line for line in result.error_lines if "prior" in line]
    assert note.startswith("no router for en-de with stand-in-small + stand-in-large: using the ")
    assert "knows neither these models nor these languages" in note
    assert "less sure" in note
    assert "its figures: recovered share 0.31, beats every rule;" in note
    assert note.endswith("calibrate CORPUS --from en --to de -o NAME.router")
    report = read_report(shell.folder / "out.tsv.routelmt")
    assert report["routers"]["large"]["name"] == "prior"
    assert report["retranslated"] > 0
    assert (report["expected_severe_share"], report["drift"]) == (None, None)
    assert [row["source"] for row in rows_of(shell.folder / "out.tsv")] == SOURCES
    assert {"small", "large"} <= set(_tiers(shell))


def test_the_prior_gives_the_same_plan_every_time(translate, shipped, router, shell):
    shipped(prior=prior_of(router))
    assert translate().code == 0
    first = _tiers(shell)
    assert translate("--restart").code == 0
    assert _tiers(shell) == first


def test_a_prior_for_a_corpus_of_nothing_or_of_one_segment(translate, shipped, router, shell):
    shipped(prior=prior_of(router))
    for text in ("source\n\n \n", "source\nQuiet harbour letter.\n"):
        (shell.folder / "in.tsv").write_text(text)
        assert translate("--restart", "--explain").code == 0
        assert len(rows_of(shell.folder / "out.tsv")) == text.count("\n") - 1


def test_without_a_router_and_a_prior_it_is_an_error(translate, shipped, router, shell):
    shipped(a=of_another_pair(router, ("fr", "de")))
    result = translate()
    assert (result.code, result.stdout) == (2, b"")
    assert "no router for en-de with stand-in-small + stand-in-large" in result.error_lines[0]
    assert "shipped: fr-de (stand-in-small + stand-in-large)" in result.error_lines[0]
    assert not (shell.folder / "out.tsv.routelmt").exists()


def test_a_prior_of_ones_own(translate, router, shell):
    save_bundle(prior_of(router), shell.folder / "own.router")
    result = translate("--router", "own.router", to=("--from", "en", "--to", "fr"))
    assert result.code == 0, result.stderr
    assert result.error_lines[0].startswith("own.router is a prior: which knows neither")


def test_a_router_of_several_pairs_is_adapted_to_another(translate, router, shell, read_report):
    several = of_another_pair(router, ("es", "de"), ("fr", "de"))
    save_bundle(with_limits(several, (0.1, 1.0)), shell.folder / "several.router")
    result = translate("--router", "several.router")
    assert result.code == 0, result.stderr
    notes = [line for line in result.error_lines if "never saw en-de" in line]
    assert len(notes) == 1 and "es-de, fr-de" in notes[0] and "less sure" in notes[0]
    report = read_report(shell.folder / "out.tsv.routelmt")
    assert report["routers"]["large"]["name"] == "es-de, fr-de"
    assert report["expected_severe_share"] is None
    assert report["retranslated"] > 0


def test_a_router_that_cannot_be_adapted_is_refused_before_anything_is_spent(
    translate, router, shell
):
    alone = with_probe(of_another_pair(router, ("es", "de"), ("fr", "de")))
    alone = replace(alone, model=replace(alone.model, parts=alone.model.parts[-1:]))
    save_bundle(alone, shell.folder / "alone.router")
    result = translate("--router", "alone.router")
    assert (result.code, result.stdout) == (2, b"")
    error = next(line for line in result.error_lines if line.startswith("error: "))
    assert "knows only es-de, fr-de and cannot be asked about en-de" in error
    assert not (shell.folder / "out.tsv.routelmt").exists()


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_bad_verdict_is_said_once(translate, router, shell, dry):
    verdict = "no better than random order here: do not spend by this router"
    bad = with_figures(router, beats_rules=False, verdict=verdict)
    save_bundle(bad, shell.folder / "bad.router")
    result = translate("--router", "bad.router", *dry)
    assert result.code == 0
    said = f"warning: this router's own calibration says: {verdict}"
    assert result.error_lines.count(said) == 1


def test_a_good_verdict_is_not_said(translate, router, shell):
    save_bundle(with_figures(router, beats_rules=True), shell.folder / "good.router")
    assert "calibration says" not in translate("--router", "good.router").stderr


def test_models_list_names_routers_and_the_prior(shell, shipped, router):
    two = of_another_pair(router, ("de", "en"), ("fr", "en"))
    two = with_metadata(two, small=ModelIdentity("A", "1"), large=ModelIdentity("B", "2"))
    shipped(a=two, prior=prior_of(router))
    lines = shell.run("models", "list").text.splitlines()
    segments = router.metadata.segments
    assert lines[-2].startswith(f"router de-en, fr-en\tA + B\t{segments} segments: ")
    assert lines[-1] == f"prior\tany models\t{segments} segments: made up"
    assert sum("prior" in line for line in lines) == 1
