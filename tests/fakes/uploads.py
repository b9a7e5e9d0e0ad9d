"""Large objects on their way."""

from collections import defaultdict
from dataclasses import dataclass, field, replace

from shared.ports.upload_store import OpenUpload, PartNote


@dataclass
class FakeUploads:
    opened: dict[str, OpenUpload] = field(default_factory=dict)
    noted: dict[str, dict[int, PartNote]] = field(default_factory=lambda: defaultdict(dict))
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def open(self, number: str, wish: OpenUpload) -> OpenUpload:
        return self.opened.setdefault(number, wish)

    async def get(self, number: str) -> OpenUpload | None:
        return self.opened.get(number)

    async def published(self, number: str, upload: str, batch: str, now: float, attempt: int) -> None:
        if number in self.opened and self.opened[number].upload == upload:
            known = self.opened[number]
            batches = (*(other for other in known.batches if other != batch), batch)
            self.opened[number] = replace(known, published_for=batch, batches=batches, opened_at=now, attempt=attempt)

    async def moving(self, number: str, owner: str, token: str) -> None:
        if number in self.opened and self.leases.get(number, ("", 0.0))[0] == owner:
            self.opened[number] = replace(self.opened[number], move_token=token)

    async def note(self, upload: str, part: int, note: PartNote) -> None:
        self.noted[upload][part] = note

    async def parts(self, upload: str, only: int | None = None) -> dict[int, PartNote]:
        return {part: note for part, note in self.noted[upload].items() if only in (None, part)}

    async def count(self, upload: str) -> int:
        return len(self.noted[upload])

    async def claim(self, number: str, owner: str, now: float, lease_seconds: float) -> bool:
        holder, until = self.leases.get(number, ("", 0.0))
        if number not in self.opened or (holder not in ("", owner) and until > now):
            return False
        self.leases[number] = (owner, now + lease_seconds)
        return True

    async def release(self, number: str, owner: str) -> None:
        if self.leases.get(number, ("", 0.0))[0] == owner:
            del self.leases[number]

    async def unpublished_since(self, moment: float) -> list[tuple[str, OpenUpload]]:
        old = [(number, opened) for number, opened in self.opened.items() if opened.opened_at < moment]
        return sorted(old, key=lambda pair: pair[1].opened_at)

    async def expire(self, number: str, read: OpenUpload) -> bool:
        if self.opened.get(number) != read:
            return False
        await self.close(number, read.upload)
        return True

    async def close(self, number: str, upload: str) -> bool:
        self.noted.pop(upload, None)
        if number not in self.opened or self.opened[number].upload != upload:
            return False
        del self.opened[number]
        self.leases.pop(number, None)
        return True
