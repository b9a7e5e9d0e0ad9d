"""A bucket of reports."""

from dataclasses import dataclass, field


@dataclass
class FakeReports:
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        self.files[name] = body, content_type
