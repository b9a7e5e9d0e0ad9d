"""Logs as Cloud Logging reads them: one JSON object a line on standard output.

https://cloud.google.com/logging/docs/structured-logging
"""

import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


_ABOUT: ContextVar[Mapping[str, object] | None] = ContextVar("about", default=None)


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """These fields are on every line that is written within, by tasks that are begun within, too."""
    token = _ABOUT.set({**(_ABOUT.get() or {}), **fields})
    try:
        yield
    finally:
        _ABOUT.reset(token)


class Log:
    """Writes events of at least `level`. `bound` fields are on every line."""

    def __init__(self, level: str = "INFO", **bound: object) -> None:
        self._level = level
        self._bound = bound

    def info(self, message: str, **fields: object) -> None:
        self._write("INFO", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        self._write("WARNING", message, fields)

    def error(self, message: str, error: BaseException | None = None, **fields: object) -> None:
        """With an exception, its traceback is a field: the line stays one line."""
        if error is not None:
            fields["traceback"] = "".join(traceback.format_exception(error))
        self._write("ERROR", message, fields)

    def _write(self, severity: str, message: str, fields: dict[str, object]) -> None:
        if _LEVELS[severity] < _LEVELS[self._level]:
            return
        entry = {"severity": severity, "time": datetime.now(UTC).isoformat(), "message": message}
        line = json.dumps({**entry, **self._bound, **(_ABOUT.get() or {}), **fields}, ensure_ascii=False, default=_text)
        if not line.isascii():
            line = line.encode(errors="backslashreplace").decode()  # half of a surrogate pair, in JSON's own spelling
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _text(value: object) -> str:
    """What JSON has no word for; a key is the text that it is at S3."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
