"""Text as a page may show it: nothing invisible, nothing that changes the order of what stands beside it."""

_SHOWN = "\u00a0\u3000"
"""Blanks that are no trap: Python calls them unprintable."""


def visible(text: str) -> str:
    """The text with each control, bidirectional and zero-width character, and each byte that was no UTF-8, written as
    its escape.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in _SHOWN else _escape(ord(sign)) for sign in text)


def of_key(key: bytes) -> str:
    """A key or folder as text; bytes that are no UTF-8 stay apart from all others."""
    return key.decode(errors="surrogateescape")


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # what `surrogateescape` makes of a byte
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
