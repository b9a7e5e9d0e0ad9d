"""Text that comes from outside, as it can be written down."""


def writable(text: str) -> str:
    """The text with each half of a surrogate pair, which JSON may hold and UTF-8 may not, as its escape."""
    return text.encode(errors="backslashreplace").decode()
