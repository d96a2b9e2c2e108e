"""Comparisons as words, rows, JSON, picture and page."""

from __future__ import annotations

import builtins
import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation import plot, report
from routelmt_cli.evaluation.baselines import rules
from routelmt_cli.evaluation.comparison import Budget, Ordering, compare
from routelmt_cli.evaluation.curve import area
from routelmt_cli.evaluation.figures import FIGURE_NAMES
from routelmt_cli.evaluation.page import page

RANDOM = np.random.default_rng(7)
GAIN = RANDOM.normal(3, 9, 150)
LENGTHS = RANDOM.integers(1, 40, 150).astype(float)


def _comparison(gain=GAIN, router=None, budget=None, rule=None, name="length"):
    """Compare a router, which is random order by default, with one rule and the truth."""
    gain = np.asarray(gain, float)
    router = np.zeros(len(gain)) if router is None else router
    orderings = [
        Ordering("router", router, "router", predicts_gain=True),
        Ordering(name, LENGTHS[: len(gain)] if rule is None else rule),
        Ordering("true gain", gain, "oracle", predicts_gain=True),
    ]
    return compare(gain, orderings, budget or Budget("calls"), samples=60)


def _three(**options):
    budgets = (
        Budget("calls"),
        Budget("dollars_by_length", LENGTHS, LENGTHS),
        Budget("dollars_by_segment", LENGTHS),
    )
    return [_comparison(router=GAIN + 5 * LENGTHS, budget=one, **options) for one in budgets]


def _area(scores):
    return area(GAIN, scores)


def test_verdicts():
    random = np.zeros(len(GAIN))
    assert report.verdict(_comparison(router=-GAIN)).startswith("no better than random")
    assert report.verdict(_comparison(router=GAIN / 2, rule=GAIN)) == (
        "no better than the rule 'length' here"
    )
    sure = report.verdict(_comparison(router=GAIN, rule=random))
    assert sure.startswith("beats every rule: ahead of 'length' by 1.000 nAUC (95% +1.000 to")
    noisy = GAIN + np.random.default_rng(4).normal(0, 9, (2, 150))
    worse, better = sorted(noisy, key=_area)
    hardly = _comparison(router=better, rule=worse)
    assert hardly.lead.difference > 0
    assert hardly.lead.p_value > 0.05
    assert report.verdict(hardly).startswith("ahead of every rule, but not surely: ahead of")


@pytest.mark.parametrize("gain", [0.0, 2.5, -0.1])
def test_constant_gains_are_told(gain):
    constant = _comparison(gain=np.full(30, gain), router=np.arange(30.0))
    assert report.verdict(constant).startswith("the models hardly differ here")
    areas = [row.figures.area for row in constant.rows]
    assert areas == [0.0, 0.0, 0.0]
    assert {row.figures.recovered_share for row in constant.rows} == {0.0}


def test_rows_have_a_cell_for_every_figure():
    header, router, *_ = rows = report.figure_rows(_comparison(router=GAIN))
    assert header[2:4] == ("HitRate@30%", "MeanDelta@30%")
    assert router[:3] == ("router", "+1.000", "100.0%")
    assert {len(row) for row in rows} == {len(FIGURE_NAMES) + 1}
    header, *rows = report.budget_rows(_three())
    assert header[1:] == ("calls", "dollars, by length", "dollars, by segment")
    assert rows[-1] == ("true gain", "1.000", "1.000", "1.000")


def test_what_is_not_defined_is_a_dash_and_null():
    losing = _comparison(gain=-np.abs(GAIN), router=GAIN)
    assert report.figure_rows(losing)[1][4] == "-"
    values = report.as_json(losing)
    assert values["orderings"]["router"]["lift_share"] is None
    assert values["intervals"]["lift_share"] == [None, None]
    json.dumps(values, allow_nan=False)


def test_no_minus_before_nothing():
    assert report._number(-0.0001, ".3f") == "0.000"
    assert report._number(-0.0001, ".1%") == "0.0%"
    assert report._number(-0.01, ".1%") == "-1.0%"
    assert report._number(float("nan"), ".1%") == "-"


def test_json_holds_curves_and_intervals():
    values = report.as_json(_comparison(router=GAIN))
    assert len(values["orderings"]["router"]["curve"]) == 101
    assert values["orderings"]["router"]["curve"][-1] == values["mean_gain"]["all_large"]
    assert values["orderings"]["true gain"]["kind"] == "oracle"
    low, high = values["intervals"]["mean_delta"]
    assert low < values["orderings"]["router"]["mean_delta"] < high
    assert values["lead"]["rule"] == "length"


def test_the_svg_is_whole_and_escaped():
    root = ElementTree.fromstring(plot.svg(_three(name='<b>&"first"')))
    assert root.tag.endswith("svg")
    lines = root.findall("{*}polyline")
    assert len(lines) == 3 * 3
    assert all(len(line.get("points").split()) == 101 for line in lines)
    texts = ["".join(text.itertext()) for text in root.findall("{*}text")]
    assert '<b>&"first"' in texts
    assert "budget: dollars, by segment" in texts
    assert "mean gain over all segments" in texts


def test_no_two_lines_look_alike():
    names = [f"rule {number}" for number in range(12)]
    orderings = [Ordering("router", GAIN, "router")]
    orderings += [Ordering(name, RANDOM.random(len(GAIN))) for name in ["random", *names]]
    orderings += [Ordering(name, GAIN, "oracle") for name in ("one", "two")]
    rows = compare(GAIN, orderings, Budget("calls"), samples=2).rows
    styles = plot._styles(rows)
    assert len({(style.colour, style.dash) for style in styles.values()}) == len(styles) == 16


def test_points_lie_inside_the_panel():
    for gain in (GAIN, -np.abs(GAIN), np.zeros(20), np.full(20, 1e-9), GAIN * 1e6):
        root = ElementTree.fromstring(plot.svg([_comparison(gain=gain)]))
        for line in root.findall("{*}polyline"):
            for point in line.get("points").split():
                x, y = map(float, point.split(","))
                assert 61.9 <= x <= 382.1
                assert 33.9 <= y <= 294.1


def test_a_png_without_matplotlib_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match="not installed") as error:
        plot.png(_three())
    assert "pip install 'routelmt[plot]'" in error.value.hint


def test_a_png_with_matplotlib():
    pytest.importorskip("matplotlib")
    assert plot.png(_three(name="$a$")).startswith(b"\x89PNG")


class _Reader(HTMLParser):
    """Gathers the tags and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.links = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone_and_is_escaped():
    evil = "<script>alert(1)</script>&"
    text = page(evil, _three(name="<i>x"), {"Corpus": evil}, [f"note {evil}"])
    read = _Reader(text)
    assert not {"script", "link", "img", "iframe", "i"} & set(read.tags)
    assert read.links == [] and "url(" not in text
    assert read.tags.count("svg") == 1 and read.tags.count("table") == 3
    assert read.text.count(evil) == 4  # title, heading, fact, note
    assert "<i>x" in read.text


def test_rules_are_left_out_where_their_column_is_not_known():
    lengths, ratios = [3, 9, 4], [1.0, np.nan, 1.1]
    assert list(rules(lengths, ratios)) == [
        "random",
        "longest source first",
        "shortest source first",
        "oddest draft length first",
    ]
    every = rules(
        lengths,
        ratios,
        mean_piece_log_probabilities=[-1, -3, -2],
        mean_log_probabilities=[np.nan] * 3,
        mean_entropies=[0.5, np.nan, 0.7],
    )
    first = {name: int(np.argmax(scores)) for name, scores in every.items() if name != "random"}
    assert first == {
        "longest source first": 1,
        "shortest source first": 0,
        "rarest source first": 1,
        "highest entropy first": 2,
        "oddest draft length first": 1,
    }
    assert len(set(every["random"].tolist())) == 1
