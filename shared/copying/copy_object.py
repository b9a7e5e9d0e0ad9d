"""Copy one object, so that the destination ends with the source's current bytes or with none of them.

Why old bytes can never replace new ones:

    1. look at the destination: generation g (0 if there is nothing)
    2. if something is there, ask S3 itself which version is current; only that one may replace it
    3. read exactly that version (If-Match, and the ETag of the answer is checked)
    4. write on condition that the generation is still g

Whoever wrote in between made g invalid, so step 4 fails and everything begins again at step 1.

Who writes nothing leaves g valid. If what was listed is gone again, and what is at the destination is current once
more, another instance may have read the listed version and stand still before step 4, or its request may be under way:
neither can be seen. So the current version is written once more, unless it is archived and cannot be read, and g is
invalid (`_may_be_overwritten`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote_to_bytes

from shared.copying.read_version import ReadVersion
from shared.domain.checksums import ExpectedChecksums, VerifiedBy, hasher_for, proven, watched
from shared.domain.comparison import is_of
from shared.domain.counts import Outcome
from shared.domain.errors import BucketError, Changed, Corrupt, Unsupported
from shared.domain.keys import KeyMapping, Place
from shared.domain.objects import Attributes, DestinationObject, SourceObject
from shared.domain.parts import MOST_OBJECT_BYTES
from shared.domain.provenance import Provenance
from shared.domain.routes import DIRECT
from shared.domain.valueclass import valueclass
from shared.ledger.entry import Entry
from shared.ports.destination import Destination, Upload
from shared.ports.download import OpenDownload
from shared.ports.source import Source

Existing = dict[bytes, DestinationObject]
"""Live objects of the destination by name; a name that is missing was looked for and is not there."""

_MOVES = 3
"""Versions of one object that are tried within one call before the key is requeued."""


@valueclass(frozen=True, slots=True)
class CopyPlan:
    """A version that is to be copied. listed: the one that the listing saw. generation: at the destination, to be
    replaced; 0 for none.
    """

    listed: SourceObject
    version: SourceObject
    name: bytes
    generation: int


@valueclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of a version besides its bytes. sizes: of its parts, where only they can prove a copy."""

    attributes: Attributes
    promise: ExpectedChecksums
    sizes: tuple[int, ...] | None


class Outgrown(BucketError):
    """A version that replaced the one which was to be copied has more bytes than there is room for."""

    def __init__(self, version: SourceObject) -> None:
        super().__init__(f"{version.text}: has grown to {version.size} bytes")
        self.version = version


@dataclass(frozen=True, slots=True)
class CopyObject:
    """storage_classes: S3's → Cloud Storage's; one that is missing gets the bucket's default."""

    source: Source
    read: ReadVersion
    destination: Destination
    mapping: KeyMapping
    provenance: Provenance
    storage_classes: Mapping[str, str] = field(default_factory=dict)

    async def stat_many(self, objects: Sequence[SourceObject]) -> Existing:
        """What is at the destination already, of many at once."""
        names = (self.mapping.place(item.key).name for item in objects)
        return await self.destination.stat_many([name for name in names if name is not None])

    async def decide(
        self, listed: SourceObject, force: bool = False, present: Existing | None = None
    ) -> Entry | CopyPlan:
        """How the key ended without a copy, or which version is to be copied.

        present: what `stat_many` found; without it the destination is asked.
        """
        place = self.mapping.place(listed.key)
        if place.name is None:
            return replace(Entry.of(listed), outcome=Outcome.UNSUPPORTED, reason=place.reason)
        name = place.name
        existing = await self.destination.stat(name) if present is None else present.get(name)
        if existing is None:
            return CopyPlan(listed, fitting(listed), name, 0)
        self._refuse_collision(listed.key, place, existing)
        if not force and is_of(listed, existing, place):
            return _unchanged(listed, listed, existing)
        current = await self.source.head(listed.key)
        write_anyway = force or (_may_be_overwritten(existing, listed) and not current.archived)
        if is_of(current, existing, place) and not write_anyway:
            return _unchanged(listed, current, existing)
        return CopyPlan(listed, fitting(current), name, existing.generation)

    def _refuse_collision(self, key: bytes, place: Place, present: DestinationObject) -> None:
        """Two keys must not take turns at one name: what lies there says which key it came from. Before our names had
        a prefix an owner could say so, too, so a copy of then is believed only if that key would lie there.
        """
        theirs = present.source_key
        if theirs is not None and present.before_prefix:
            theirs = theirs if self.mapping.holds(present.name, unquote_to_bytes(theirs)) else None
        if theirs == quote(key, safe="/") or (theirs is None and not place.encoded):
            return
        whose = "another object" if theirs is None else f"the copy of {theirs!r}"
        raise Unsupported(f"{key!r} belongs at {present.name!r}, which holds {whose}")

    async def copy_latest(self, wanted: CopyPlan, room: int | None = None) -> Entry:
        """Copy a version; if it has been replaced meanwhile, the one that replaced it. Bytes that are not those that
        were promised are read once more if S3 itself promises something else, and not otherwise. room: bytes that there
        is memory for, None for any size; raises Outgrown for a version of more.
        """
        facts: SourceFacts | None = None
        for _ in range(_MOVES):
            if room is not None and wanted.version.size > room:
                raise Outgrown(wanted.version)
            body = await self.read(wanted.version)
            if body is None:
                wanted, facts = replace(wanted, version=fitting(await self.source.head(wanted.version.key))), None
                continue
            with body:
                used = facts or await self._facts(wanted.version, body.attributes, body.route)
                try:
                    return await self._stream(wanted, body, used)
                except Corrupt:
                    facts = await self._from_s3(wanted.version, exact=True)
                    if (facts.promise, facts.sizes) == (used.promise, used.sizes):
                        raise
        raise Changed(f"{wanted.version.text}: written to faster than it can be read")

    async def _facts(self, version: SourceObject, attributes: Attributes, route: str = DIRECT) -> SourceFacts:
        """What is known of a version whose answer came by a route. A distribution may leave S3's checksums out: with an
        origin access control it is not known to sign what asks for them. So S3 is asked where an answer through it
        says nothing that could prove the bytes.
        """
        promise = ExpectedChecksums.of(version, attributes)
        if route != DIRECT and promise.says_nothing:
            return await self._from_s3(version, exact=False)
        return await self._with_sizes(version, attributes, promise, exact=False)

    async def _with_sizes(
        self, version: SourceObject, attributes: Attributes, promise: ExpectedChecksums, exact: bool
    ) -> SourceFacts:
        sizes = await self.source.part_sizes(version, exact) if promise.needs_part_sizes else None
        return SourceFacts(attributes, promise, None if sizes is None else tuple(sizes))

    async def _from_s3(self, version: SourceObject, exact: bool) -> SourceFacts:
        """What S3 itself says: an edge may leave headers out, and parts may not be as even as they seem."""
        current, attributes = await self.source.inspect(version.key)
        if current.etag != version.etag:
            raise Changed(f"{version.text}: another version came while it was copied")
        return await self._with_sizes(version, attributes, ExpectedChecksums.of(version, attributes), exact)

    async def _stream(self, wanted: CopyPlan, body: OpenDownload, facts: SourceFacts) -> Entry:
        seen = hasher_for(facts.promise, facts.sizes)
        upload = self.upload(wanted, facts.attributes, facts.promise)
        chunks = body.chunks if seen is None else watched(body.chunks, seen)
        written = await self.destination.write(upload, chunks)
        return copied(wanted, written, proven(facts.promise, seen, written.md5), body.route, facts.attributes)

    def upload(self, wanted: CopyPlan, attributes: Attributes, promise: ExpectedChecksums) -> Upload:
        """What is to be written for a version."""
        version = wanted.version
        return Upload(
            name=wanted.name,
            size=promise.size,
            generation=wanted.generation,
            attributes=attributes,
            metadata=self.provenance.metadata(version, attributes),
            md5=promise.md5,
            crc32c=promise.crc32c,
            storage_class=self.storage_classes.get(attributes.storage_class),
        )


def copied(
    wanted: CopyPlan, written: DestinationObject, proof: VerifiedBy, route: str, attributes: Attributes
) -> Entry:
    """The entry of a version that is at the destination now."""
    listed, version = wanted.listed, wanted.version
    return _ended(
        listed, version, written, Outcome.COPIED, proof, route, attributes.storage_class, attributes.asked_kms
    )


def _unchanged(listed: SourceObject, version: SourceObject, present: DestinationObject) -> Entry:
    proof = VerifiedBy.MD5 if present.md5 is not None and present.md5 == version.etag else VerifiedBy.SIZE
    return _ended(listed, version, present, Outcome.UNCHANGED, proof)


def _may_be_overwritten(present: DestinationObject, listed: SourceObject) -> bool:
    """Whether somebody who copies the listed version may have seen this copy, so that the write is still allowed. Not
    if the copy was made from a later version: who saw that there no longer finds the listed one current. S3 tells whole
    seconds; of two versions of one second the copy counts as the later, and one that says no time as the earlier.
    """
    modified = present.modified
    return modified is None or modified < listed.modified


def fitting(version: SourceObject) -> SourceObject:
    """The version itself, if Cloud Storage can hold as much."""
    if version.size > MOST_OBJECT_BYTES:
        raise Unsupported(f"{version.text}: {version.size} bytes; Cloud Storage holds {MOST_OBJECT_BYTES} an object")
    return version


def _ended(
    listed: SourceObject,
    version: SourceObject,
    written: DestinationObject,
    outcome: Outcome,
    proof: VerifiedBy,
    route: str = "",
    storage_class: str = "",
    kms: bool = False,
) -> Entry:
    return Entry(
        key=version.key,
        etag=version.etag,
        size=written.size,
        modified=version.modified,
        outcome=outcome,
        generation=written.generation,
        crc32c=written.crc32c,
        proof=proof,
        route=route,
        drift=written.size - listed.size,
        storage_class=storage_class,
        kms=kms,
        at=written.created,
    )
