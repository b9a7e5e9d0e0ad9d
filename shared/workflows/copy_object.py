"""Copy one object, so that the destination ends with the source's current bytes or with none of them.

Why old bytes can never replace new ones:

    1. look at the destination: generation g (0 if there is nothing)
    2. if something is there, ask S3 itself which version is current; only that one may replace it
    3. read exactly that version (If-Match, and the ETag of the answer is checked)
    4. write on condition that the generation is still g

Whoever wrote in between made g invalid, so step 4 fails and everything begins again at step 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.core.compare import Verdict, judge
from shared.core.errors import Changed, StaleEdge
from shared.core.keys import Mapping, unsupported_reason
from shared.core.ledger import Entry
from shared.core.objects import (
    SOURCE_ENCRYPTION,
    SOURCE_ETAG,
    SOURCE_MTIME,
    DestinationObject,
    SourceObject,
    etag_md5,
    hides_md5,
)
from shared.core.outcomes import Outcome
from shared.ports import Body, Destination, Download, Source, Upload

Seen = dict[bytes, DestinationObject]
"""Live objects of the destination by name; a name that is missing was looked for and is not there."""

_MOVES = 3
"""Versions of one object that are chased within one call before the key is handed back."""


@dataclass(frozen=True, slots=True)
class CopyObject:
    """download: the job's route. direct: straight from S3, None if the job forbids it."""

    source: Source
    download: Download
    direct: Download | None
    destination: Destination
    mapping: Mapping

    async def look(self, objects: Sequence[SourceObject]) -> Seen:
        """What is at the destination already, of many at once."""
        names = [self.mapping.name(item.key) for item in objects]
        return await self.destination.look([name for name in names if unsupported_reason(name) is None])

    async def __call__(self, listed: SourceObject, force: bool = False, seen: Seen | None = None) -> Entry:
        """How the key ended. Raises ObjectError where it did not.

        seen: what `look` found; without it the destination is asked.
        """
        name = self.mapping.name(listed.key)
        refused = unsupported_reason(name)
        if refused is not None:
            return replace(Entry.of(listed), outcome=Outcome.UNSUPPORTED, reason=refused)
        present = await self.destination.stat(name) if seen is None else seen.get(name)
        wanted = listed
        if present is not None:
            if not force and judge(wanted, present, name) is Verdict.SAME:
                return _ended(listed, wanted, present, Outcome.UNCHANGED, "present")
            wanted = await self.source.head(listed.key)
            if not force and judge(wanted, present, name) is Verdict.SAME:
                return _ended(listed, wanted, present, Outcome.UNCHANGED, "present")
        generation = present.generation if present is not None else 0
        return await self._chase(listed, wanted, name, generation)

    async def _chase(self, listed: SourceObject, wanted: SourceObject, name: bytes, generation: int) -> Entry:
        for _ in range(_MOVES):
            try:
                return await self._move(self.download, listed, wanted, name, generation)
            except Changed:
                current = await self.source.head(wanted.key)
            if current.etag == wanted.etag:
                return await self._around_the_edge(listed, wanted, name, generation)
            wanted = current
        raise Changed(f"{wanted.text}: written to faster than it can be read")

    async def _around_the_edge(self, listed: SourceObject, wanted: SourceObject, name: bytes, generation: int) -> Entry:
        if self.direct is None:
            raise StaleEdge(
                f"{wanted.text}: the CDN serves another version than S3 (ETag {wanted.etag}); "
                "invalidate the path, or set STALE_EDGE=direct"
            )
        return await self._move(self.direct, listed, wanted, name, generation)

    async def _move(
        self, download: Download, listed: SourceObject, wanted: SourceObject, name: bytes, generation: int
    ) -> Entry:
        async with download.open(wanted) as body:
            upload = _upload(wanted, body, name, generation)
            written = await self.destination.write(upload, body.chunks)
        proof = "md5" if upload.md5 is not None and written.md5 == upload.md5 else "size"
        return _ended(listed, wanted, written, Outcome.COPIED, proof)


def _upload(wanted: SourceObject, body: Body, name: bytes, generation: int) -> Upload:
    metadata = dict(body.attributes.metadata)
    metadata[SOURCE_ETAG] = wanted.etag
    metadata[SOURCE_MTIME] = str(wanted.modified)
    encryption = body.attributes.encryption
    if encryption is not None and hides_md5(encryption):
        metadata[SOURCE_ENCRYPTION] = encryption
    return Upload(
        name=name,
        size=body.size,
        generation=generation,
        attributes=body.attributes,
        metadata=metadata,
        md5=etag_md5(wanted.etag, encryption),
    )


def _ended(
    listed: SourceObject, copied: SourceObject, written: DestinationObject, outcome: Outcome, proof: str
) -> Entry:
    return Entry(
        key=copied.key,
        etag=copied.etag,
        size=written.size,
        modified=copied.modified,
        outcome=outcome,
        generation=written.generation,
        crc32c=written.crc32c,
        proof=proof,
        drift=written.size - listed.size,
    )
