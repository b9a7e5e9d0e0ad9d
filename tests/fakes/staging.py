"""The staging bucket."""

import hashlib
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import google_crc32c

from shared.domain.checksums import Chunk
from shared.domain.errors import Corrupt, LostRace, UploadLost
from shared.domain.objects import DestinationObject
from shared.ports.destination import Upload
from shared.ports.staging import StoredPart
from tests.fakes.destination import FakeDestination


@dataclass
class FakeStaging:
    """calls_a_move: how many calls it takes to move an object. good_tokens: of moves that may be gone on with."""

    destination: FakeDestination
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    staged: FakeDestination = field(default_factory=FakeDestination)
    sent: list[int] = field(default_factory=list)
    calls_a_move: int = 1
    good_tokens: set[str] = field(default_factory=set)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def begin(self, name: bytes) -> str:
        upload = f"upload-{next(self.numbers)}"
        self.uploads[upload] = {}
        return upload

    async def put(self, name: bytes, upload: str, number: int, size: int, chunks: AsyncIterator[Chunk]) -> StoredPart:
        body = b"".join([chunk async for chunk in chunks])
        if len(body) != size:
            raise Corrupt("length")
        if upload not in self.uploads:
            raise UploadLost(upload)
        self.uploads[upload][number] = body
        self.sent.append(number)
        return StoredPart(hashlib.md5(body).hexdigest(), google_crc32c.value(body))

    async def complete(self, name: bytes, upload: str, etags: Sequence[str]) -> None:
        if upload not in self.uploads:
            raise UploadLost(upload)
        parts = self.uploads[upload]
        if [hashlib.md5(parts[number]).hexdigest() for number in range(1, len(etags) + 1)] != list(etags):
            raise UploadLost("InvalidPart")
        del self.uploads[upload]
        self.staged.install(name, b"".join(parts[number] for number in sorted(parts)), composite=True)

    async def abort(self, name: bytes, upload: str) -> None:
        self.uploads.pop(upload, None)

    async def stat(self, name: bytes) -> DestinationObject | None:
        return await self.staged.stat(name)

    async def move(self, staged: DestinationObject, upload: Upload, token: str = "") -> DestinationObject | str:
        present = self.destination.objects.get(upload.name)
        if (present[0].generation if present else 0) != upload.generation:
            raise LostRace(upload.name.decode())
        if token and token not in self.good_tokens:
            raise UploadLost("the token has run out")
        if int(token or 1) < self.calls_a_move:
            further = str(int(token or 1) + 1)
            self.good_tokens.add(further)
            return further
        self.destination.classes[upload.name] = upload.storage_class
        body = self.staged.objects[staged.name][1]
        return self.destination.install(
            upload.name, body, upload.metadata, composite=True, replaces=present is not None
        )

    async def delete(self, name: bytes) -> None:
        self.staged.objects.pop(name, None)
