"""Three stand-in models, and the routers that are calibrated on them in one go (en to de)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from made_up import write_card, write_tsv
from stand_in_pair import little_training

from routelmt_cli.run.calibration import calibrate
from routelmt_cli.run.options import CalibrateOptions, CorpusOptions, PairOptions

NAMES = ["nano", "mid", "top"]
PRICES = {"nano": (0.1, 0.2), "mid": (0.3, 1.0), "top": (1.0, 4.0)}
SKILLS = {"nano": 0.5, "mid": 0.75, "top": 0.95}


@dataclass(frozen=True)
class Ladder:
    """Cards of three stand-ins, and the routers that were calibrated on them."""

    cards: dict[str, Path]
    router: Path
    corpus: Path

    def tiers(self, *names):
        """Return the options that name the tiers."""
        return [option for name in names or NAMES for option in ("--tier", self.cards[name])]

    def options(self, *names):
        """Return the options that name the tiers and their routers."""
        return [*self.tiers(*names), "--router", self.router]


def make_cards(folder, **more):
    """Write the cards of all tiers; ``more`` adds to sections, by tier."""
    return {
        name: write_card(
            folder / f"{name}.toml",
            "small",
            name=name,
            price=PRICES[name],
            skill=SKILLS[name],
            seed=number,
            **more.get(name, {}),
        )
        for number, name in enumerate(NAMES)
    }


def make_ladder(folder):
    """Write the cards and a corpus, and calibrate all tiers as ``calibrate`` does."""
    cards, corpus = make_cards(folder), write_tsv(folder / "corpus.tsv")
    options = CalibrateOptions(
        corpus=CorpusOptions(corpus),
        pair=PairOptions("en", "de", tiers=tuple(str(cards[name]) for name in NAMES)),
        output=folder / "ladder.router",
        folds=3,
    )
    with little_training():
        calibrate(options)
    return Ladder(cards, options.output, corpus)
