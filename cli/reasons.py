"""Why a key ended as it did, as people are told it."""

from shared.domain.reasons import advice_for


def without_advice(recorded: str) -> str:
    """A reason as the ledger has it, without the advice at its end, which is told in a line of its own."""
    advice = advice_for(recorded)
    return recorded.removesuffix(f"; {advice}") if advice else recorded
