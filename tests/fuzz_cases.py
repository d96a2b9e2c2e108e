"""How many cases the fuzz tests try: a fixed set by default, others with ROUTELMT_FUZZ.

``ROUTELMT_FUZZ=20 python -m pytest tests/fuzz`` tries twenty times as many, other ones each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from routelmt_cli.errors import UsageError

TIMES = int(os.environ.get("ROUTELMT_FUZZ", "1"))
_LONGEST_MESSAGE = 2000


def cases(number):
    """Set the number of cases of one test."""
    return settings(
        max_examples=number * TIMES,
        # The same cases each time, so that what breaks stays broken until it is mended.
        derandomize=TIMES == 1,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def refusal(function):
    """Call what may raise a UsageError of one short line and nothing else; return it, or None."""
    try:
        function()
    except UsageError as error:
        assert error.message
        assert "\n" not in error.message + (error.hint or "")
        assert len(error.message) < _LONGEST_MESSAGE
        return error
    return None


def edits(most=3):
    """Make a few changes to any bytes: (place, what is put there, how much of it goes away).

    Apply them with ``edited``. Places are drawn without regard to a length.
    """
    bits = st.tuples(st.just("flip"), st.integers(0, 7))
    put = st.tuples(st.just("put"), st.binary(max_size=4) | st.sampled_from(_NASTY))
    cut = st.tuples(st.just("cut"), st.integers(1, 8))
    end = st.tuples(st.just("end"), st.just(0))
    place = st.integers(0, 1 << 24)
    return st.lists(st.tuples(place, bits | put | cut | end), min_size=1, max_size=most)


_NASTY = [
    b"\0" * 8,
    b"\xff" * 8,
    (1 << 63).to_bytes(8, "little"),
    (10**7).to_bytes(8, "little"),
    b"\x1b[31m",
    "\u202e".encode(),
    b"\n",
    b"\t",
    b'"',
    b"{",
]


def edited(data, changes):
    """Apply ``edits``."""
    result = bytearray(data)
    for place, (kind, value) in changes:
        at = place % (len(result) + 1)
        if kind == "flip" and at < len(result):
            result[at] ^= 1 << value
        elif kind == "put":
            result[at : at + len(value)] = value
        elif kind == "cut":
            del result[at : at + value]
        elif kind == "end":
            del result[at:]
    return bytes(result)
