"""How long idle OpenMP threads spin before they sleep.

llama.cpp's threads wait for each other hundreds of times a token. GNU's libgomp lets them spin for
very long by default, so where another process wants a core, every wait can take a time slice:
measured here, half the speed beside one busy process, and a fortieth beside another llama.cpp. A
short spin costs nothing on an idle machine (``docs/log.md``).
"""

from __future__ import annotations

import os

_SPINS = "10000"


def share_the_processor() -> None:
    """Let waiting threads sleep soon, unless the user's environment says otherwise.

    Must be called before a library loads libgomp, which reads the environment once.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
