"""Copy an object that no invocation could carry alone: a part a message, put together out of sight.

    start    look, ask S3 what is current, begin a multipart upload in the staging bucket, publish a message a part
    part     read that part of exactly that version, send it, note it; whoever notes the last one finishes
    finish   one at a time, under a lease: look again, ask S3 again, prove the whole from its parts, complete the
             upload, move the object to its name on condition that nothing was written there since the look

A completion takes no precondition, so it must not happen under the object's own name; the move takes one. Killed
anywhere, the message comes again: noted parts are not sent twice, an upload that vanished is begun anew, and an object
that is there already is only put on record. An upload whose messages may be gone is taken up by the next part that
comes.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.copying.copy_object import CopyObject, CopyPlan, copied, fitting
from shared.copying.giving_up import GivingUp
from shared.copying.part_messages import PartMessages, attempt_of, is_stale
from shared.copying.part_proof import PartChecks, PartSums, are_its_parts, proof_of_parts
from shared.copying.upload_lease import UploadLease
from shared.domain.budget import Budget
from shared.domain.checksums import ExpectedChecksums, combined_crc32c, encoded
from shared.domain.errors import Archived, Changed, Corrupt, Gone, LostRace, ObjectError, OutOfAttempts, UploadLost
from shared.domain.messages import ObjectEntry, PartReference, TransferMessage
from shared.domain.objects import Attributes, DestinationObject, SourceObject
from shared.domain.parts import PartPlan
from shared.domain.transfer_topics import TransferTopics
from shared.ledger.entry import Entry
from shared.ports.clock import Clock
from shared.ports.destination import Upload
from shared.ports.ledger_store import LedgerStore
from shared.ports.log import Log
from shared.ports.queue import Queue
from shared.ports.source import Source
from shared.ports.staging import Staging
from shared.ports.upload_store import OpenUpload, PartNote, UploadStore
from shared.runs.heartbeat import Heartbeat


@dataclass(frozen=True, slots=True)
class CopyLarge:
    """large_bytes: larger objects go in parts. part_bytes: of a part, where the object is not so large that it must be
    more. lease_seconds: of the right to work on an upload as a whole, and how long whoever begins one may take to
    publish its parts. life_seconds: after this an upload whose parts are not all there is taken up again. max_attempts:
    of a key, before it counts as failed.
    """

    copy: CopyObject
    source: Source
    staging: Staging
    uploads: UploadStore
    ledger: LedgerStore
    queue: Queue
    heartbeat: Heartbeat
    clock: Clock
    log: Log
    topics: TransferTopics
    large_bytes: int
    part_bytes: int
    lease_seconds: float
    life_seconds: float
    max_attempts: int

    async def start(self, message: TransferMessage, wanted: CopyPlan, room: int | None = None) -> Entry | None:
        """Have the parts of a version copied; how the key ended, if what is current by now is not large. Repeating it
        begins nothing twice. room: as `CopyObject.copy_latest` has it, which raises Outgrown.
        """
        current, attributes = await self.source.inspect(wanted.version.key)
        if current.archived:
            raise Archived(f"{current.text}: a listing does not tell, but S3 must restore it before it can be read")
        wanted = replace(wanted, version=fitting(current))
        if current.size <= self.large_bytes:
            return await self.copy.copy_latest(wanted, room)
        number = _identity(wanted)
        known = await self.uploads.get(number)
        found = known or await self._begin(number, wanted, attributes)
        now = self.clock.now()
        if found.published_for == message.batch and now - found.opened_at < self.life_seconds:
            return None
        if known is not None:
            self._part_messages.let_publish(known)
        there = await self.uploads.parts(found.upload) if known is not None else {}
        plan = found.plan(current.size)
        missing = [part for part in plan if part not in there] or [plan.count]
        of_all = {"objects": (ObjectEntry.of(wanted.listed),), "attempt": attempt_of(message, found)}
        parts = (PartReference(number=part, version=ObjectEntry.of(current)) for part in missing)
        messages = [message.model_copy(update={**of_all, "part": part}) for part in parts]
        await self.queue.publish(self.topics.of(message), messages)
        await self.uploads.published(number, found.upload, message.batch, now, messages[0].attempt)
        self.log.info("fanned out", key=current.text, run=message.run, bytes=current.size, parts=len(missing))
        return None

    async def _begin(self, number: str, wanted: CopyPlan, attributes: Attributes) -> OpenUpload:
        version = wanted.version
        promise = ExpectedChecksums.of(version, attributes)
        of_parts = promise.parts is not None and promise.crc_of_all is None
        sizes = await self.source.part_sizes(version, exact=True) if of_parts else None
        upload = await self.staging.begin(number.encode())
        sums, now = PartChecks.of(promise, sizes), self.clock.now()
        opened = await self.uploads.open(number, sums.opened(version.text, upload, version.size, self.part_bytes, now))
        if opened.upload != upload:
            await self.staging.abort(number.encode(), upload)
            self._part_messages.let_publish(opened)
        return opened

    def wanted(self, listed: SourceObject, reference: PartReference) -> CopyPlan:
        """The version that a part belongs to. Its generation is looked up at the end."""
        return CopyPlan(listed, reference.version.source(), self.copy.mapping.place(listed.key).name or b"", 0)

    async def part(
        self, message: TransferMessage, listed: SourceObject, reference: PartReference, budget: Budget
    ) -> Entry | None:
        """Copy one part; how the key ended, if this was the last one. Raises ObjectError, OutOfAttempts where
        it would have to begin anew once too often, or Busy where the message must come again: another one has the
        lease on the upload, gives it up, or brings what is missing.
        """
        wanted = self.wanted(listed, reference)
        number = _identity(wanted)
        opened = await self.uploads.get(number)
        if opened is None:
            return await self._again(message, listed, UploadLost(f"{listed.text}: its upload has vanished"))
        if is_stale(message, opened):
            return None
        plan = opened.plan(wanted.version.size)
        known = await self.uploads.parts(opened.upload, reference.number)
        if reference.number <= plan.count and reference.number not in known:  # begun anew, it may have fewer parts
            try:
                note = await self._send(message.run, wanted, number, opened, plan, reference.number)
            except Changed as changed:
                await self._giving_up.give_up(number, opened)
                return await self._again(message, listed, changed)
            except (Gone, UploadLost) as gone:
                if await self.uploads.count(opened.upload) < plan.count:
                    await self._giving_up.give_up(number, opened)
                    return await self._again(message, listed, gone, opened)
            except ObjectError:
                if reference.number not in await self.uploads.parts(opened.upload, reference.number):
                    raise  # else another delivery of this message has brought it
            else:
                await self.uploads.note(opened.upload, reference.number, note)
        if await self.uploads.count(opened.upload) < plan.count:
            now = await self._part_messages.still_carried(message.batch, number, opened)
            return None if now.carried_for(message.batch) else await self._take_up(message, wanted, now)
        async with self._lease(number, wanted) as lease:
            return await self._finish(message, wanted, lease, budget)

    async def _take_up(self, message: TransferMessage, wanted: CopyPlan, opened: OpenUpload) -> Entry | None:
        """Publish the parts that are missing, where whoever began the upload did not come to it, or its messages may be
        gone. Raises Busy while it still may, and while another part does so: each would publish all of them.
        """
        self._part_messages.let_publish(opened)
        async with self._lease(_identity(wanted), wanted):
            return await self.start(message.model_copy(update={"part": None}), wanted)

    def _lease(self, number: str, wanted: CopyPlan) -> UploadLease:
        return UploadLease(self.uploads, self.clock, self.log, number, wanted.version.text, self.lease_seconds)

    async def _send(
        self, run: str, wanted: CopyPlan, number: str, opened: OpenUpload, plan: PartPlan, part: int
    ) -> PartNote:
        start, end = plan.span(part)
        sums, began = PartSums(opened, (start, end)), self.clock.monotonic()
        body = await self.copy.read(wanted.version, (start, end))
        if body is None:
            raise Changed(f"{wanted.version.text}: another version came while its parts were copied")
        with body:
            chunks = sums.watch(body.chunks)
            stored = await self.staging.put(number.encode(), opened.upload, part, end - start, chunks)
        self.heartbeat.took(run, f"{wanted.version.text}, part {part}", end - start, self.clock.monotonic() - began)
        return PartNote(stored.etag, end - start, stored.crc32c, sums.crc, sums.digests, body.route)

    async def _finish(
        self, message: TransferMessage, wanted: CopyPlan, lease: UploadLease, budget: Budget
    ) -> Entry | None:
        decided = await self.copy.decide(wanted.listed, message.force)
        if isinstance(decided, Entry):
            return decided
        current, attributes = await self.source.inspect(wanted.version.key)
        if current.etag != wanted.version.etag:
            await self._giving_up.abandon(lease.number)
            return await self._again(message, wanted.listed, Changed(f"{current.text}: replaced while it was copied"))
        opened = await self.uploads.get(lease.number)
        parts = await self.uploads.parts(opened.upload) if opened is not None else {}
        plan = opened.plan(current.size) if opened is not None else None
        if opened is None or plan is None or not parts.keys() >= set(plan):
            lost = UploadLost(f"{current.text}: its upload has vanished")
            return await self._again(message, wanted.listed, lost, opened)
        notes = [parts[part] for part in plan]
        promise = ExpectedChecksums.of(current, attributes)
        try:
            if not are_its_parts(notes, opened, plan):
                raise UploadLost(f"{current.text}: its parts were cut by another version of this program")
            proof = proof_of_parts(promise, opened, notes)
            staged = await self._staged(lease, opened, current.size, notes)
        except (Corrupt, UploadLost) as wrong:
            await self._giving_up.abandon(lease.number)
            return await self._again(message, wanted.listed, wrong, opened)
        final = replace(wanted, version=current, generation=decided.generation)
        upload = self.copy.upload(final, attributes, promise)
        written = await self._move_to_name(lease, staged, upload, opened.move_token, budget)
        if written is None:
            await self.queue.publish(self.topics.of(message), [message])
            return None
        return copied(final, written, proof, "+".join(sorted({note.route for note in notes})), attributes)

    async def _move_to_name(
        self, lease: UploadLease, staged: DestinationObject, upload: Upload, token: str, budget: Budget
    ) -> DestinationObject | None:
        """None if that takes longer than this invocation may: what is done is kept.

        Within one storage class it takes one call; into another, or within a dual-region that has not caught up, Cloud
        Storage copies the bytes, call after call. https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
        """
        while True:
            try:
                moved = await lease.write(self.staging.move(staged, upload, token))
            except (LostRace, UploadLost):  # the token is of another write, or older than the week that it is good for
                await self.uploads.moving(lease.number, lease.owner, "")
                raise
            if isinstance(moved, DestinationObject):
                return moved
            token = moved
            await self.uploads.moving(lease.number, lease.owner, token)
            if budget.spent(self.clock.monotonic()):
                return None

    async def _staged(
        self, lease: UploadLease, opened: OpenUpload, size: int, notes: list[PartNote]
    ) -> DestinationObject:
        """The whole object in the staging bucket, its checksum the one that its parts make. Raises UploadLost if both
        it and its parts are gone.
        """
        whole = encoded(combined_crc32c([(note.crc32c, note.size) for note in notes]), 4)
        name = lease.number.encode()
        staged = await self.staging.stat(name)
        if staged is None or (staged.size, staged.crc32c) != (size, whole):
            with suppress(UploadLost):  # completed by an invocation that was killed before it could hear so
                await lease.write(self.staging.complete(name, opened.upload, [note.etag for note in notes]))
            staged = await self.staging.stat(name)
        if staged is None:
            raise UploadLost(f"{opened.key}: neither its parts nor what they make is in the staging bucket")
        if (staged.size, staged.crc32c) != (size, whole):
            raise Corrupt(f"{opened.key}: its parts do not make the whole that they should")
        return staged

    async def _again(
        self, message: TransferMessage, listed: SourceObject, why: ObjectError, opened: OpenUpload | None = None
    ) -> Entry | None:
        """Begin anew with what is current now, unless the key has ended meanwhile or has had its attempts. That its
        upload was forgotten, or taken away after a while, is no fault of the key and costs none; one that vanishes as
        soon as it is begun does, or it would be begun for ever.
        """
        if await self.has_ended(message, listed):
            return None
        decided = await self.copy.decide(listed, message.force)
        if isinstance(decided, Entry):
            return decided
        young = opened is not None and self.clock.now() - opened.opened_at < self.life_seconds
        attempt = message.attempt + (not isinstance(why, UploadLost) or young)
        if attempt > self.max_attempts:
            raise OutOfAttempts(why) from why
        self.log.warning("begun anew", key=listed.text, reason=why.reason, attempt=message.attempt, why=str(why))
        return await self.start(message.model_copy(update={"attempt": attempt, "part": None}), decided)

    async def has_ended(self, message: TransferMessage, listed: SourceObject) -> bool:
        """Whether another part's message has put on record how the key ended."""
        found = await self.ledger.get(message.batch)
        return found is not None and any(entry.key == listed.key and not entry.open for entry in found.record.entries)

    async def clean_up(self, message: TransferMessage, listed: SourceObject, reference: PartReference) -> None:
        """Drop what a key that has ended leaves behind, unless another batch has taken its upload over. Only what is on
        record as ended may be cleaned up: any other part that missed its upload would begin it anew.
        """
        number = _identity(self.wanted(listed, reference))
        opened = await self.uploads.get(number)
        if opened is not None and opened.published_for in (message.batch, ""):
            await self._giving_up.abandon(number)

    @property
    def _part_messages(self) -> PartMessages:
        return PartMessages(self.uploads, self.clock, self.lease_seconds, self.life_seconds)

    @property
    def _giving_up(self) -> GivingUp:
        return GivingUp(self.uploads, self.staging, self._part_messages)


def _identity(wanted: CopyPlan) -> str:
    """Of one version on its way to one name: the upload's number, and the staged object's name."""
    parts = (wanted.name, wanted.version.etag.encode(), str(wanted.version.size).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]
