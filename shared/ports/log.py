"""Where events go."""

from typing import Protocol


class Log(Protocol):
    """Structured events; fields are key, run, attempt, reason and the like."""

    def info(self, message: str, **fields: object) -> None: ...

    def warning(self, message: str, **fields: object) -> None: ...

    def error(self, message: str, error: BaseException | None = None, **fields: object) -> None: ...
