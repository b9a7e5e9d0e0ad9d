"""Dollars as people should read them: no digit that nobody knows."""

from math import floor, log10

FIGURES = 3
"""An estimate from what was counted is known to about a percent: retries, headers and the month's other traffic are not
in it."""

NOTHING = 1e-12
"""Dollars, far below the price of one request: what adding up leaves over."""


def in_dollars(amount: float) -> str:
    """Three figures: 58,100 and 12.3 and 0.00137. Less than a millionth is said to be that, nothing is 0."""
    if abs(amount) < 1e-6:
        return "<0.000001" if abs(amount) > NOTHING else "0"
    digits = FIGURES - 1 - floor(log10(abs(amount)))
    rounded = round(amount, digits)
    digits = FIGURES - 1 - floor(log10(abs(rounded)))
    return f"{rounded:,.{max(digits, 0)}f}"


def with_sign(amount: float) -> str:
    """The same with its sign: $12.3, and <$0.000001."""
    shown = in_dollars(amount)
    return f"<${shown[1:]}" if shown.startswith("<") else f"${shown}"
