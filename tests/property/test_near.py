"""The nearest match against a search of the whole memory."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from routelmt_cli.run.near import NearMatches

TEXTS = st.text("abc ", min_size=1, max_size=12)


@example(memory={"aaa": "x"}, source="aa", least=0.8)
@given(
    memory=st.dictionaries(TEXTS, st.just("x"), max_size=12),
    source=TEXTS,
    least=st.sampled_from([0.3, 0.5, 0.8, 0.99]),
)
def test_the_nearest_of_all(memory, source, least):
    found = NearMatches(memory, least).find(source)
    near = [(-fuzz.ratio(source, text), len(text), text) for text in memory]
    near = sorted(entry for entry in near if -entry[0] >= 100 * least)
    assert found == ((near[0][2], "x") if near else None)
