"""A log that can be read."""

from dataclasses import dataclass, field


@dataclass
class FakeLog:
    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def info(self, message: str, **fields: object) -> None:
        self.lines.append(("INFO", message, fields))

    def warning(self, message: str, **fields: object) -> None:
        self.lines.append(("WARNING", message, fields))

    def error(self, message: str, error: BaseException | None = None, **fields: object) -> None:
        self.lines.append(("ERROR", message, {**fields, "error": error}))
