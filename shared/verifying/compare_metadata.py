"""Find the copies whose bytes are right and whose headers or metadata are not those of their objects.

No listing shows headers. It shows when an object was written last, which S3 cannot change without writing it again, and
a copy remembers when its object was; and it shows how often the metadata of a copy was written. Where neither has
changed, nothing has, and nothing is asked. Where one has, both sides are asked for just this key: $0.80 a million.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html and
https://cloud.google.com/storage/docs/metadata#generation-number
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shared.domain.comparison import Comparison
from shared.domain.copies import Pairs
from shared.domain.errors import Gone, ObjectError
from shared.domain.objects import SOURCE_ETAG, SOURCE_MTIME
from shared.domain.provenance import carries
from shared.ports.destination import Destination
from shared.ports.log import Log
from shared.ports.source import Source
from shared.verifying.side_by_side import side_by_side

_AT_ONCE = 32
"""Keys that are asked for at a time: a page whose keys were all written again takes some seconds."""


@dataclass(frozen=True, slots=True)
class CompareMetadata:
    """For copies of ours that say when their object was written; what others have made is not known to be a copy."""

    source: Source
    destination: Destination
    log: Log

    async def __call__(self, pairs: Pairs, indexes: Sequence[int]) -> dict[int, Comparison]:
        """Of the indexes, whose bytes are the same, those whose headers or metadata differ, and those of which nobody
        may know: these are unproven.
        """
        touched = [index for index in indexes if _is_touched(pairs, index)]
        verdicts = await side_by_side(partial(self._verdict, pairs), touched, _AT_ONCE)
        return {index: verdict for index, verdict in zip(touched, verdicts, strict=True) if verdict is not None}

    async def _verdict(self, pairs: Pairs, index: int) -> Comparison | None:
        """None where nothing differs, or either side holds something else by now: that is for the next comparison. A
        key that may not be asked for is told, and keeps none of the others.
        """
        source, copy = pairs.page[index], pairs.copy(index)
        if copy is None:
            return None
        try:
            (now, wanted), stored = await asyncio.gather(
                self.source.inspect(source.key), self.destination.inspect(copy.name)
            )
        except ObjectError as failure:
            if not failure.is_the_keys_own:
                raise
            if isinstance(failure, Gone):
                return None
            self.log.warning("headers not compared", key=source.text, reason=failure.reason, why=str(failure))
            return Comparison.UNPROVEN
        if stored is None or stored[0].generation != copy.generation or now.etag != source.etag:
            return None
        return None if carries(stored[1], wanted) else Comparison.METADATA_DIFFERS


def _is_touched(pairs: Pairs, index: int) -> bool:
    """Whether the object was written again since it was copied, or the metadata of its copy since it was made."""
    copy = pairs.copy(index)
    if copy is None or SOURCE_ETAG not in copy.metadata:
        return False
    return copy.metadata.get(SOURCE_MTIME) != str(pairs.page[index].modified) or copy.metageneration != 1
