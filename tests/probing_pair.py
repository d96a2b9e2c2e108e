"""A pair of stand-in models with a router of drafts and one of probes (en to de)."""

from __future__ import annotations

from made_up import write_card, write_tsv
from stand_in_pair import StandIns, little_training

from routelmt_cli.run.calibration import calibrate
from routelmt_cli.run.options import CalibrateOptions, CorpusOptions, PairOptions, RouteBy


def make_probing_pair(folder):
    """Write two cards and a corpus, and calibrate both routers as ``calibrate`` does.

    The large model is not very good: a stand-in that knows every word gives its source back, which
    does not stand without a draft.
    """
    small = write_card(folder / "small.toml", "small", skill=0.5)
    large = write_card(folder / "large.toml", "large", skill=0.7)
    corpus = write_tsv(folder / "corpus.tsv")
    options = CalibrateOptions(
        corpus=CorpusOptions(corpus),
        pair=PairOptions("en", "de", str(small), str(large)),
        output=folder / "both.router",
        folds=3,
        route_by=RouteBy.PROBE,
    )
    with little_training():
        calibrate(options)
    return StandIns(small, large, options.output, corpus)
