"""What an earlier delivery of the same message has queued already, where its range is walked again."""

from collections.abc import Mapping

from shared.domain.counts import RangeCounts
from shared.domain.page import Page


def count_queued(page: Page, queued: Mapping[bytes, int], count: int, counts: RangeCounts) -> list[int]:
    """Count what is queued up to the page's first `count` objects as it was listed for its batch, which will say how it
    ended, be it listed again or not. The bytes of each that the page has no more.

    queued: bytes by key, none behind what the page was read up to.
    """
    there, gone = dict(zip(page.keys, page.sizes, strict=True)), []
    for key, size in queued.items():
        if page.passed(key, count):
            counts.listed.add("listed", size - there.get(key, 0), 0 if key in there else 1)
            if key not in there:
                gone.append(size)
    return gone
