"""Text as it is written down: what comes from outside, and a count in a sentence."""


def writable(text: str) -> str:
    """The text with each half of a surrogate pair, which JSON may hold and UTF-8 may not, as its escape."""
    return text.encode(errors="backslashreplace").decode()


def numbered(count: int, one: str, many: str = "") -> str:
    """A count with its noun. many: its plural where that is not made by an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def are(count: int) -> str:
    """The verb that goes with a count."""
    return "is" if count == 1 else "are"
