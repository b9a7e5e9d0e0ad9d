"""What a comparison has counted of a prefix: pure, and nothing where it has counted more and does not tell it apart."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.comparison import Comparison
from shared.domain.counts import Outcome
from shared.domain.keys import MAX_KEY_BYTES, Key
from shared.domain.rollup import MOST_FOLDERS, MOST_NAME_BYTES, Rollup
from shared.domain.runs import RunState
from shared.reporting.sentence import Ended


@dataclass(frozen=True, slots=True)
class Counted:
    """In keys. ended: those with an outcome. by: what shows that the proven ones are the same, in words."""

    listed: int
    proven: int
    pending: int
    ended: int
    filtered: int
    verdicts: Mapping[str, int]
    by: str


def of_all(ended: Ended) -> Counted:
    """What it has counted of all that it compared."""
    return Counted(
        ended.listed,
        ended.proven,
        ended.pending,
        sum(ended.outcomes.values()),
        ended.outcomes.get(Outcome.FILTERED, 0),
        ended.verdicts,
        ", ".join(f"{keys:,} by {name}" for name, keys in sorted(ended.proofs.items()) if keys),
    )


def of_part(ended: Ended, sums: Rollup, prefix: Key) -> Counted | None:
    """What it has counted of a prefix that is a part of what it compared, None where that cannot be told.

    Keys and copies of no object are counted by folder. Of the keys that are not the same it names the first ones: that
    these are all, its counts must say. How many keys the filters left out it says of the whole only.
    """
    found = _within(sums, prefix)
    if found is None or not _names_all(ended, sums):
        return None
    listed, alone = found
    begin = prefix.decode()
    apart = Counter(
        verdict for key, _, verdict in sums.differing if verdict != Comparison.EXTRA and key.startswith(begin)
    )
    same = listed - apart.total()
    if same < 0:
        return None
    verdicts = {**apart, Comparison.SAME: same, Comparison.EXTRA: alone}
    ways = sorted(name for name, keys in ended.proofs.items() if keys)
    by = f"{same:,} by {' or '.join(ways)}" if same else ""
    return Counted(listed, same, 0, listed, 0, verdicts, by)


def _names_all(ended: Ended, sums: Rollup) -> bool:
    """Whether every key that is not proven the same is named, and its folders hold all keys that were listed."""
    same, whole = ended.verdicts.get(Comparison.SAME, 0), sums.whole()
    apart = {verdict: keys for verdict, keys in ended.verdicts.items() if keys and verdict not in _NOT_NAMED}
    named = Counter(verdict for _, _, verdict in sums.differing if verdict != Comparison.EXTRA)
    return (
        ended.state is RunState.FINISHED
        and ended.listed == whole.s3_count == sum(ended.outcomes.values())
        and ended.listed == ended.compared
        and ended.proven == same == sum(ended.proofs.values())
        and named == apart
        and whole.extra == ended.verdicts.get(Comparison.EXTRA, 0)
    )


_NOT_NAMED = frozenset({Comparison.SAME, Comparison.EXTRA})
"""Copies of no object are counted by folder, and named by what they are called at the destination."""


def _within(sums: Rollup, prefix: Key) -> tuple[int, int] | None:
    """Objects, and copies of no object, whose keys begin so; None where a folder above may hold some of them."""
    objects = alone = 0
    names = sum(map(len, sums.folders))
    full = len(sums.folders) >= MOST_FOLDERS or names + MAX_KEY_BYTES > MOST_NAME_BYTES
    deepest = max((folder.count(b"/") for folder in sums.folders), default=0)
    for folder, amount in sums.folders.items():
        if folder.startswith(prefix):
            objects, alone = objects + amount.s3_count, alone + amount.extra
        elif prefix.startswith(folder) and (amount.s3_count or amount.extra):
            # above the deepest level a folder holds only what lies directly in it, if none had to make room
            direct = not full and folder.count(b"/") < deepest
            if not direct or b"/" not in prefix[len(folder) :]:
                return None
    return objects, alone
