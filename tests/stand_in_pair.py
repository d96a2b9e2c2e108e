"""A pair of stand-in models, a corpus, and the router that is calibrated on them (en to de)."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

from made_up import write_card, write_tsv

from routelmt_cli.gain.calibration import CalibrationOptions
from routelmt_cli.run import calibration_training
from routelmt_cli.run.calibration import calibrate
from routelmt_cli.run.options import CalibrateOptions, CorpusOptions, PairOptions


@dataclass(frozen=True)
class StandIns:
    """The cards of a pair, and the router that was calibrated on them (en to de)."""

    small: Path
    large: Path
    router: Path
    corpus: Path

    def options(self):
        """Return the options that name the pair and its router."""
        return ["--small", self.small, "--large", self.large, "--router", self.router]


@contextmanager
def little_training():
    """Let a ``calibrate`` in this process train as little as it can."""
    little = partial(CalibrationOptions, seeds=1, search_trials=0)
    with mock.patch.object(calibration_training, "CalibrationOptions", little):
        yield


def make_stand_ins(folder):
    """Write two cards and a corpus, and calibrate a router on them as ``calibrate`` does."""
    small = write_card(folder / "small.toml", "small")
    large = write_card(folder / "large.toml", "large")
    corpus = write_tsv(folder / "corpus.tsv")
    router = folder / "en-de.router"
    options = CalibrateOptions(
        corpus=CorpusOptions(corpus),
        pair=PairOptions("en", "de", str(small), str(large)),
        output=router,
        folds=3,
    )
    with little_training():
        calibrate(options)
    return StandIns(small, large, router, corpus)
