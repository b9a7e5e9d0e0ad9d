"""A bucket of reports."""

from dataclasses import dataclass, field


@dataclass
class FakeReports:
    """generations: of the files; the first one of a file that a test has laid there."""

    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)

    def link(self, name: str) -> str:
        return f"https://reports.test/{name}"

    def _generation(self, name: str) -> int:
        return self.generations.get(name, 1) if name in self.files else 0

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        generation = self._generation(name) + 1
        self.files[name], self.generations[name] = (body, content_type), generation

    async def read(self, name: str) -> tuple[bytes, int]:
        return (self.files[name][0] if name in self.files else b"", self._generation(name))

    async def replace(self, name: str, body: bytes, content_type: str, generation: int) -> bool:
        if self._generation(name) != generation:
            return False
        await FakeReports.put(self, name, body, content_type)
        return True
