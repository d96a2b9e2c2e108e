"""The pictures of a page are SVG that a parser takes, whatever the figures."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from routelmt_cli.run.budget_curve import Offer
from routelmt_cli.run.page.charts import curve_chart, histogram


def offer(cost, gain, low=None, high=None):
    return Offer(cost, cost, 3, 0.1, gain, low, high, 0.1)


CURVES = {
    "rising": [offer(n * 1000, n**0.5, n**0.5 - 1, n**0.5 + 1) for n in range(101)],
    "no interval": [offer(n * 1000, float(n)) for n in range(5)],
    "one point": [offer(0, 0.0)],
    "nothing gained for nothing": [offer(0, 0.0), offer(0, 0.0)],
    "large": [offer(0, 0.0), offer(10**18, 99.0)],
}


@pytest.mark.parametrize("offers", CURVES.values(), ids=CURVES.keys())
def test_the_curve(offers):
    root = ElementTree.fromstring(curve_chart(offers, offers[-1], 500, 0.4))
    texts = [node.text for node in root.iter() if node.text]
    assert "knee" in texts and "this run" in texts
    assert "nan" not in ElementTree.tostring(root, "unicode")
    (line,) = root.findall("polyline")
    assert len(line.get("points").split()) == len(offers)


@pytest.mark.parametrize(
    "gain", [[-50.0, 0.0, 3.0, 90.0], [2.0, 2.0], [0.0], [-3.0, -4.0]], ids=str
)
def test_the_histogram_counts_every_segment(gain):
    rows = np.arange(1, len(gain) + 1)
    taken = np.arange(len(gain)) % 2 == 0
    root = ElementTree.fromstring(histogram(np.array(gain), rows, taken))
    counted = [
        int(node.text.split(": ")[1].split()[0]) for node in root.iter("title") if ":" in node.text
    ]
    assert sum(counted) == rows.sum()


def test_no_segments_have_no_histogram():
    assert histogram(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.bool_)) == ""
