"""Compare the two sides of a key range, key by key, and plan what is to be copied again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.archive import SILENT_CLASSES, Restore
from shared.domain.comparison import Comparison, compare
from shared.domain.copies import CopyPage, Pairs, pair
from shared.domain.counts import Outcome
from shared.domain.errors import ObjectError
from shared.domain.extraneous import DestinationOnly
from shared.domain.filters import Filters
from shared.domain.keys import KeyMapping
from shared.domain.objects import DestinationObject, Origin, SourceObject
from shared.ledger.origins import is_proven
from shared.ports.clock import Clock
from shared.ports.destination import Destination
from shared.ports.log import Log
from shared.ports.source import Source
from shared.ranges.ledger_scan import LedgerScan
from shared.runs.ceilings import CeilingGuard
from shared.verifying.compare_metadata import CompareMetadata
from shared.verifying.compare_plan import ComparePlan
from shared.verifying.copy_window import Beside
from shared.verifying.delete_extraneous import DeleteExtraneous
from shared.verifying.is_there import current_version, is_there
from shared.verifying.request_restores import RequestRestores
from shared.verifying.side_by_side import side_by_side

_AT_ONCE = 32
"""Keys that are asked for at a time."""

_SHOWN = 100
"""Mismatches of a page that are logged one by one; all are counted."""

_MAY_CARRY_THE_ETAG = frozenset({Comparison.CHECKSUM_DIFFERS, Comparison.UNPROVEN, Comparison.METADATA_DIFFERS})
"""Verdicts on copies that a transfer would leave as they are, because they say that they are of the right version."""


@dataclass(frozen=True, slots=True)
class ComparePage:
    """life_seconds: how long a published batch counts as being copied. run, repair: of the comparison. reread: whether
    copies whose bytes nothing proves any more are to be made again. metadata: compares headers and metadata, if the job
    asks for it. with_origins: whether plans carry what the ledger knows of the copies. forced: where keys are named
    that are to be copied though their copies carry the right ETag.
    """

    source: Source
    destination: Destination
    filters: Filters
    clock: Clock
    log: Log
    mapping: KeyMapping
    life_seconds: float
    restores: RequestRestores
    delete: DeleteExtraneous | None
    ledger: LedgerScan
    ceiling: CeilingGuard
    run: str
    repair: bool
    reread: bool
    metadata: CompareMetadata | None
    with_origins: bool
    forced: set[bytes]

    async def __call__(self, beside: Beside) -> ComparePlan:
        """The verdicts on a page; nearly all are "same", which size, ETag and MD5 show at once."""
        pairs = pair(beside.page, beside.copies, self.mapping)
        page = pairs.page
        listed = self.ledger.take_queued(beside.end)
        queued = frozenset(index for index, key in enumerate(page.keys) if key in listed) if listed else frozenset()
        filtered = {index: why for index, why in self.filters.sift(page).items() if index not in queued}
        suspects = pairs.suspects()
        singly = [index for index in suspects if index not in filtered and index not in queued]
        singly = sorted([*singly, *queued]) if queued else singly
        if singly:
            pairs = await self._with_checksums(await self._with_encoded(pairs, singly), singly)
        sources = dict(await self._sources(pairs, singly))
        origins = self.ledger.origins(page) if singly or self.with_origins else ()
        verdicts: dict[int, Comparison] = {}
        by_crc32c: set[int] = set()
        for index in singly:
            verdict = self._verdict(sources[index], pairs, index, index in queued, origins[index])
            if verdict is not Comparison.SAME:
                verdicts[index] = verdict
            elif pairs.md5(index) != page.etags[index]:
                by_crc32c.add(index)
        if self.metadata is not None:
            same = [index for index in range(len(page)) if index not in verdicts and index not in filtered]
            for index, verdict in (await self.metadata(pairs, same)).items():
                verdicts[index] = Comparison.IN_FLIGHT if self._is_copied(page.keys[index]) else verdict
                sources[index] = page[index]
                by_crc32c.discard(index)
        wrong = frozenset(index for index, verdict in verdicts.items() if self._is_wrong(verdict, pairs, index))
        published = wrong - queued if self.repair else frozenset[int]()
        self.forced.update(page.keys[index] for index in published if verdicts[index] in _MAY_CARRY_THE_ETAG)
        for index in sorted(wrong)[:_SHOWN]:
            self.log.warning("mismatch", run=self.run, key=page[index].text, reason=verdicts[index])
        destination_only, own = await self._destination_only(pairs.copies, pairs.extras)
        return ComparePlan(
            pairs,
            beside.end,
            verdicts,
            filtered,
            queued,
            queued_sizes=listed,
            published=published,
            by_crc32c=frozenset(by_crc32c),
            destination_only=destination_only,
            own=own,
            archived=await self._restore(
                {index: sources[index] for index, verdict in verdicts.items() if _waits(sources[index], verdict)}
            ),
            origins=origins if self.with_origins else (),
        )

    async def _with_encoded(self, pairs: Pairs, indexes: Sequence[int]) -> Pairs:
        """The same pairs with the copies under encoded names, which lie elsewhere in the listing."""
        if not self.mapping.encode:
            return pairs
        names: dict[int, bytes] = {}
        for index in indexes:
            place = self.mapping.place(pairs.page.keys[index])
            if place.encoded and place.name is not None:
                names[index] = place.name
        if not names:
            return pairs
        found = await self.destination.stat_many(list(names.values()))
        return pairs.with_encoded({index: found[name] for index, name in names.items() if name in found})

    async def _with_checksums(self, pairs: Pairs, indexes: Sequence[int]) -> Pairs:
        """The same pairs, with the checksums of copies under a customer's key at KMS (CMEK): a listing leaves them out,
        a stat has them. Without this every such copy would be unproven, and be made again by each comparison.
        https://cloud.google.com/storage/docs/encryption/customer-managed-keys#restrictions
        """
        listed = ((index, pairs.copy(index)) for index in indexes)
        blind = {i: copy.name for i, copy in listed if copy is not None and _is_blind(pairs.page[i], copy)}
        stats = await side_by_side(self._stat, list(blind.values()), _AT_ONCE)
        found = {index: stat for index, stat in zip(blind, stats, strict=True) if stat is not None}
        return pairs.seen(found) if found else pairs

    async def _stat(self, name: bytes) -> DestinationObject | None:
        """None, too, for a copy that may not be asked for, as with a version of its key that is disabled: it stays
        unproven, and keeps none of the others from their verdicts.
        """
        try:
            return await self.destination.stat(name)
        except ObjectError as failure:
            if not failure.is_the_keys_own:
                raise
            told = name.decode(errors="replace")
            self.log.warning("checksums not seen", run=self.run, key=told, reason=failure.reason, why=str(failure))
            return None

    async def _sources(self, pairs: Pairs, indexes: Sequence[int]) -> Mapping[int, SourceObject]:
        """The objects, each as a HEAD shows it where its listing does not say whether it is archived and its copy has
        failed for that.
        """
        found = {index: pairs.page[index] for index in indexes}
        unclear = {index: source for index, source in found.items() if self._is_unclear(source)}
        found.update(zip(unclear, await side_by_side(self._head, list(unclear.values()), _AT_ONCE), strict=True))
        return found

    def _is_unclear(self, source: SourceObject) -> bool:
        if source.storage_class not in SILENT_CLASSES:
            return False
        known = self.ledger.lookup(source.key)
        return known is not None and known.entry.outcome is Outcome.ARCHIVED

    async def _head(self, source: SourceObject) -> SourceObject:
        return await current_version(self.source, source.key) or source

    def _is_wrong(self, verdict: Comparison, pairs: Pairs, index: int) -> bool:
        """Whether a key is to be copied again. A copy of ours that is only unproven is left, unless the job asks; one
        that shows no checksum is not as we have made it.
        """
        if verdict is not Comparison.UNPROVEN or self.reread:
            return verdict.repairable
        copy = pairs.copy(index)
        return copy is None or copy.source_etag is None or not copy.crc32c

    def _verdict(
        self, source: SourceObject, pairs: Pairs, index: int, queued: bool, origin: Origin | None
    ) -> Comparison:
        """queued: a batch of this very run has the key, because it did not agree when an earlier delivery of the same
        message compared it. It is not the same, then, whatever has become of it since.
        """
        alive = not queued and self._is_copied(source.key)
        crc32c = origin[4] if origin is not None and origin[0] == source.etag and is_proven(origin) else None
        verdict = compare(source, pairs.copy(index), self.mapping.place(source.key), alive, crc32c)
        return Comparison.REPAIRED if queued and verdict is Comparison.SAME else verdict

    def _is_copied(self, key: bytes) -> bool:
        """Whether a batch has the key and is still at it."""
        known = self.ledger.lookup(key)
        waits = known is not None and known.entry.open
        return waits and self.ledger.is_alive(known, self.clock.now(), self.life_seconds)

    async def _restore(self, archived: Mapping[int, SourceObject]) -> dict[int, Restore]:
        """Ask for what must be restored first, if this comparison is to repair; what each waits for then."""
        asked = await self.restores(self.run, self.ceiling, list(archived.values())) if self.repair else set()
        return {
            index: Restore.UNDER_WAY if item.restore is Restore.UNDER_WAY or item.key in asked else Restore.NEEDED
            for index, item in archived.items()
        }

    async def _destination_only(
        self, copies: CopyPage, indexes: Sequence[int]
    ) -> tuple[list[tuple[bytes, int]], frozenset[int]]:
        """The copies that belong to no object, by the keys they would have, and which of them this very job has made.
        One under an encoded name belongs to the key that the name says, wherever that lies.
        """
        found: list[tuple[bytes, int]] = []
        own: dict[int, DestinationOnly] = {}
        originals = [self.mapping.original(copies.names[index]) for index in indexes]
        theirs = await side_by_side(self._has_object, originals, _AT_ONCE)
        for index, has_object in zip(indexes, theirs, strict=True):
            if has_object:
                continue
            found.append((self.mapping.key(copies.names[index]), index))
            extra = self.delete.own(copies[index]) if self.delete is not None else None
            if extra is not None:
                own[index] = extra
        if own and self.delete is not None and self.delete.marks:
            await self.delete.mark(self.run, list(own.values()))
        return found, frozenset(own)

    async def _has_object(self, original: bytes | None) -> bool:
        return original is not None and await is_there(self.source, original)


def _is_blind(source: SourceObject, copy: DestinationObject) -> bool:
    """Whether a copy was listed without checksums and nothing else says yet that it differs."""
    return not copy.crc32c and copy.size == source.size and copy.source_etag in (None, source.etag)


def _waits(source: SourceObject, verdict: Comparison) -> bool:
    """Whether an object must be restored before it can be copied, and is to be copied."""
    return bool(source.archived) and (verdict is Comparison.ARCHIVED or verdict.repairable)
