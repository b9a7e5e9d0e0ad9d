"""How counts are stored in Firestore: as maps, which `sums` adds up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from operator import index
from typing import Any

from shared.domain.comparison import Comparison
from shared.domain.counts import Counts, ManifestPart, Outcome, RangeCounts
from shared.domain.filters import Filter
from shared.domain.rollup import FolderRollup, Rollup, first_differing
from shared.gcp.firestore.documents import reading
from shared.ledger.packing import deflate, inflate


def tallies(counts: RangeCounts) -> dict[str, object]:
    """A range's counts as fields of its document."""
    return {
        "listed": tally(counts.listed, ["listed"]),
        "outcomes": tally(counts.outcomes, Outcome),
        "filters": tally(counts.filters, Filter),
        "verdicts": tally(counts.verdicts, Comparison),
    }


def tally(tally: Counts, names: Iterable[str]) -> dict[str, dict[str, int]]:
    return {str(name): {"keys": tally.keys.get(name, 0), "bytes": tally.bytes.get(name, 0)} for name in names}


def read_tally(fields: Mapping[str, Mapping[str, int]]) -> Counts:
    """What `tally` wrote. Raises TypeError for what are no whole numbers."""
    found = Counts()
    for name, amount in fields.items():
        if keys := index(amount["keys"]):
            found.add(name, index(amount["bytes"]), keys)
    return found


def pack_sums(sums: Rollup, manifest: Sequence[ManifestPart]) -> bytes:
    """What a range found and the files it wrote, compressed; must not be indexed."""
    table = {
        "folders": {folder.decode(): astuple(amount) for folder, amount in sums.folders.items()},
        "sizes": sums.sizes,
        "proofs": sums.proofs,
        "archived": sums.archived,
        "unwritten_rows": sums.unwritten_rows,
        "own_extra": sums.own_extra,
        "differing": first_differing(sums.differing),
        "manifest": [astuple(part) for part in manifest],
    }
    return deflate(table)


def unpack_sums(packed: bytes | None) -> tuple[Rollup, list[ManifestPart]]:
    """What `pack_sums` wrote; nothing for a range that has none."""
    if not packed:
        return Rollup(), []
    with reading("what a range has found (`sums`)"):
        return _unpacked(inflate(packed))


def _unpacked(table: Any) -> tuple[Rollup, list[ManifestPart]]:
    sums = Rollup(folders={folder.encode(): FolderRollup(*amounts) for folder, amounts in table["folders"].items()})
    sums.sizes.update({int(bits): count for bits, count in table["sizes"].items()})
    sums.proofs.update(table["proofs"])
    sums.archived.update({name: (keys, size) for name, (keys, size) in table["archived"].items()})
    sums.unwritten_rows = table.get("unwritten_rows", 0)
    sums.own_extra = table.get("own_extra", 0)
    sums.differing = [(key, size, why) for key, size, why in table.get("differing", ())]
    return sums, [ManifestPart(*part) for part in table["manifest"]]
