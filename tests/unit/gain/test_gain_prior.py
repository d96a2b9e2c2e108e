"""Routers of several language pairs, priors, and pairs that a router never saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation import curve
from routelmt_cli.gain.bundle import bundle_files, load_bundle, save_bundle
from routelmt_cli.gain.guard import TAKEN
from routelmt_cli.gain.labels import GainLabels
from routelmt_cli.gain.prior import as_prior
from routelmt_cli.gain.router import portable_parts


@pytest.fixture(scope="module")
def prior(pooled):
    return as_prior(pooled[1].router, "made up, CC0", {"area": 0.5})


def third(made_up, count=80, seed=31):
    """Segments of a pair that was in no calibration, in a third alphabet."""
    data = made_up(count, seed=seed, pair=("ru", "en"))
    shifted = [
        "".join(chr(ord(letter) + 0x3D0) if letter.isalpha() else letter for letter in text)
        for text in data.sources
    ]
    data.table = replace(data.table, sources=shifted)
    return data


def test_a_router_of_two_pairs_knows_both(pooled, made_up):
    _, made = pooled
    router = made.router
    assert router.knows("es-en")
    assert router.knows("fi-en")
    assert not router.knows("ru-en")
    assert router.metadata.pairs == (("es", "en"), ("fi", "en"))
    assert router.metadata.source_language is None
    assert router.metadata.target_language == "en"
    assert set(router.model.gain_scale) == {"es-en", "fi-en"}
    # Gains of the second pair are half of the first's.
    spreads = [scale[1] for scale in router.model.gain_scale.values()]
    assert spreads[1] == pytest.approx(spreads[0] / 2, rel=0.3)
    fresh = made_up(60, seed=21)
    gain = fresh.labels().gain
    assert curve.area(gain, router.predict(fresh.table, "es-en").gain) > 0.6


def test_figures_of_pairs_that_were_left_out(pooled):
    _, made = pooled
    left_out = made.report["left_out"]
    assert set(left_out) == {"es-en", "fi-en"}
    for figures in left_out.values():
        assert set(figures) == {"recovered_share", "area", "hit_rate"}
        assert figures["area"] > 0.4


def test_a_pair_must_be_named_where_there_are_several(pooled):
    both, made = pooled
    table = both.table.rows(0, 3)
    with pytest.raises(UsageError, match="several language pairs") as caught:
        made.router.predict(table)
    assert "--from" in caught.value.hint
    with pytest.raises(UsageError, match="does not know the language pair ru-en") as caught:
        made.router.predict(table, "ru-en")
    assert "es-en, fi-en" in caught.value.hint


def test_a_pooled_router_comes_back_from_its_bundle(pooled, tmp_path):
    both, made = pooled
    save_bundle(made.router, tmp_path / "r")
    loaded = load_bundle(tmp_path / "r")
    assert bundle_files(loaded) == bundle_files(made.router)
    for pair in ("es-en", "fi-en"):
        np.testing.assert_array_equal(
            loaded.predict(both.table.rows(0, 9), pair).gain,
            made.router.predict(both.table.rows(0, 9), pair).gain,
        )


def test_a_pooled_router_is_adapted_to_a_third_pair(pooled, made_up):
    _, made = pooled
    data = third(made_up)
    adapted = made.router.adapted("ru-en", data.table)
    assert adapted.knows("ru-en")
    assert not adapted.knows("es-en")
    assert adapted.safeguards is None
    assert all(one.part.portable for one in adapted.model.parts)
    assert sum(one.share for one in adapted.model.parts) == pytest.approx(1)
    prediction = adapted.predict(data.table)
    assert curve.area(data.labels().gain, prediction.gain) > 0.6
    assert prediction.regression_risk is None
    # In the mean unit of the known pairs.
    scales = list(made.router.model.gain_scale.values())
    assert adapted.model.gain_scale["ru-en"] == pytest.approx(
        (np.mean([one[0] for one in scales]), np.mean([one[1] for one in scales]))
    )
    # The router itself is as it was.
    assert not made.router.knows("ru-en")


def test_what_is_portable_takes_the_place_of_all(calibration, every_kind, made_up):
    """Without the parts that know their own corpus, the others must count for more."""
    portable = {one.name: one for one in portable_parts(every_kind)}
    assert set(portable) == {one.name for one in every_kind.model.parts} - {"text", "probe"}
    adapted = every_kind.adapted("ru-en", third(made_up, 10).table)
    general = as_prior(every_kind, "made up", {})
    for router in (adapted, general):
        assert [one.name for one in router.model.parts] == list(portable)
        for one in router.model.parts:
            assert one.share == pytest.approx(1 / 6)
            assert one.scale == pytest.approx(portable[one.name].scale / 0.75)
    assert general.model.offset == 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_adapting_to_hardly_any_text(pooled, made_up, count):
    _, made = pooled
    table = third(made_up, 5).table
    adapted = made.router.adapted("ru-en", table.rows(0, count))
    assert np.isfinite(adapted.predict(table).gain).all()


def test_a_router_without_portable_parts_cannot_be_adapted(every_kind, made_up):
    parts = [one for one in every_kind.model.parts if not one.part.portable]
    assert parts
    router = replace(every_kind, model=replace(every_kind.model, parts=parts))
    with pytest.raises(UsageError, match="knows only es-en") as caught:
        router.adapted("ru-en", third(made_up, 5).table)
    assert "calibrate a router" in caught.value.hint


def test_a_prior_knows_no_pair(prior, pooled):
    both, _ = pooled
    assert prior.metadata.is_prior
    assert prior.metadata.provenance == "made up, CC0"
    assert prior.metadata.figures == {"area": 0.5}
    assert prior.profiles == {}
    assert prior.safeguards is None
    assert prior.model.parts
    assert all(one.part.portable for one in prior.model.parts)
    assert sum(one.share for one in prior.model.parts) == pytest.approx(1)
    assert not prior.needs_states
    with pytest.raises(UsageError, match="several language pairs or none"):
        prior.predict(both.table.rows(0, 3))
    with pytest.raises(UsageError, match="es-en") as caught:
        prior.predict(both.table.rows(0, 3), "es-en")
    assert "none" in caught.value.hint


def test_a_prior_comes_back_from_its_bundle(prior, tmp_path):
    save_bundle(prior, tmp_path / "prior.router")
    loaded = load_bundle(tmp_path / "prior.router")
    assert bundle_files(loaded) == bundle_files(prior)
    assert loaded.metadata.is_prior


def test_a_prior_is_used_by_adapting_it(prior, made_up):
    data = third(made_up)
    prediction = prior.adapted("ru-en", data.table).predict(data.table)
    assert curve.area(data.labels().gain, prediction.gain) > 0.6
    mean, spread = prior.model.gain_scale["any"]
    assert prediction.gain.mean() == pytest.approx(mean, abs=spread)


def test_a_router_without_portable_parts_makes_no_prior(calibration, every_kind):
    parts = [one for one in every_kind.model.parts if not one.part.portable]
    router = replace(every_kind, model=replace(every_kind.model, parts=parts))
    with pytest.raises(UsageError, match="no part"):
        as_prior(router, "made up", {})


def test_a_good_prior_enters_the_mix_of_another_pair(prior, made_up):
    data = third(made_up, 60)
    labels = data.labels()
    # A prior that has seen the truth, which the few segments do not tell so well.
    random = np.random.default_rng(0)
    noisy = replace(labels, gain=labels.gain + random.normal(0, 12, 60))
    made = data.calibrate(labels=noisy, prior=prior)
    named = [name for name in made.report["mix"] if name.startswith("prior: ")]
    assert named
    assert made.router.metadata.prior == "made up, CC0"
    assert {name.removeprefix("prior: ") for name in named} <= {
        one.name for one in portable_parts(prior)
    }
    assert sum(made.report["mix"].values()) == pytest.approx(1, abs=1e-3)


def test_a_useless_prior_stays_out(prior, made_up):
    """Turned upside down, a good prior is worse than none."""
    parts = [replace(one, scale=-one.scale) for one in prior.model.parts]
    upside_down = replace(prior, model=replace(prior.model, parts=parts))
    made = third(made_up, 90).calibrate(prior=upside_down)
    assert not [name for name in made.report["mix"] if name.startswith("prior")]
    assert made.router.metadata.prior == ""


def test_a_mixed_prior_comes_back_from_its_bundle(prior, made_up, tmp_path):
    data = third(made_up, 60)
    random = np.random.default_rng(1)
    scores = random.normal(50, 10, 60)
    inside = prior.adapted("ru-en", data.table).predict(data.table).gain
    labels = GainLabels(inside, scores, scores + inside, [TAKEN] * 60, "made up")
    made = data.calibrate(labels=labels, prior=prior, folds=2)
    assert any(name.startswith("prior: ") for name in made.report["mix"])
    save_bundle(made.router, tmp_path / "r")
    loaded = load_bundle(tmp_path / "r")
    np.testing.assert_array_equal(
        loaded.predict(data.table).gain, made.router.predict(data.table).gain
    )
    # A prior of a prior is still named once.
    again = as_prior(made.router, "made up", {})
    assert not any("prior: prior:" in one.name for one in again.model.parts)


@pytest.mark.parametrize("rows", [1, 4])
def test_a_pair_of_hardly_any_rows(made_up, rows):
    data = made_up(60)
    pairs = [("es", "en")] * (60 - rows) + [("fi", "en")] * rows
    made = data.calibrate(pairs=pairs)
    assert np.isfinite(made.predicted).all()
    assert made.router.knows("fi-en")
    assert "es-en" not in made.report["left_out"]
