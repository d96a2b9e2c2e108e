"""From what a machine costs by the hour to what a token costs on it.

Rates go in, a price comes out, rounded up. A token is priced by the time that the machine takes
for it when nothing else is done; how rates are measured is not known here.
"""

from __future__ import annotations

import math
from fractions import Fraction

from routelmt_cli.budget.price import TOKENS_PER_PRICE, Price

_SECONDS = 3600


def hourly_price(
    nanousd_per_hour: int, input_tokens_per_second: float, output_tokens_per_second: float
) -> Price:
    """Return the token prices of a machine that is paid by the hour.

    Parameters
    ----------
    nanousd_per_hour
        What an hour costs.
    input_tokens_per_second, output_tokens_per_second
        How many tokens are read, and written, in a second; above zero.
    """
    second = Fraction(nanousd_per_hour, _SECONDS)
    return Price(
        *(
            math.ceil(second * TOKENS_PER_PRICE / Fraction(rate))
            for rate in (input_tokens_per_second, output_tokens_per_second)
        )
    )
