"""How large an instance of the transfer is, and how much it has in hand. Settings, Terraform, benchmarks, forecasts and
the simulation agree with what stands here; `tests/unit/test_instance.py` holds them to it, and the figures to another.

    CONCURRENCY messages of KEYS_PER_MESSAGE keys are in an instance →  OBJECTS_IN_FLIGHT of their keys are copied
    each copy holds as many bytes as it weighs                      →  BYTES_IN_FLIGHT together, within MEMORY_BYTES
    what they hold is copied before their time is over              →  CONCURRENCY messages of BATCH_BYTES each
"""

from dataclasses import dataclass

from shared.domain.parts import MIB

OBJECTS_IN_FLIGHT = 256
"""A copy of a small object is two requests, and waits for both. At 100 ms a request this makes a thousand objects a
second, where 64 made three hundred (docs/performance.md).
"""

BYTES_IN_FLIGHT = 120 * MIB
"""What all copies may weigh together: 256 of a third of a megabyte, or seven large ones."""

BUFFER_BYTES = 16 * MIB
"""The most of one object that its copy holds: a chunk that goes up, and what comes meanwhile."""

OVERHEAD_BYTES = 128 * 1024
"""What a copy weighs besides: two connections with TLS and the state of both."""

CONCURRENCY = 6
"""Messages that an instance handles at a time. Their keys are several times as many as are copied at a time, so that
copies go on while a message is looked up, and written down.
"""

KEYS_PER_MESSAGE = 250
"""A message costs as much CPU as twenty small copies, two writes of Firestore's and a listing of the destination,
however many keys it has. Its record stays far below Firestore's MiB with keys of 1,024 bytes, and whoever dies leaves
1,500 keys that are looked up again.
"""

BATCH_BYTES = 5 * 1024 * MIB
"""As much as the largest object that is copied in one piece. Six such messages are 32 GB, which an instance copies in
seven minutes at 600 Mbit/s (`shared/pricing/speed.py`); after nine it would hand them on.
"""

MEMORY_BYTES = 512 * MIB
"""Of an instance; it was seen to take half of it at most (docs/performance.md)."""


def weight(size: int, buffer_bytes: int = BUFFER_BYTES) -> int:
    """Bytes of memory that the copy of an object of so many bytes may take."""
    return min(size, buffer_bytes) + OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Places:
    """How many objects an instance copies at a time. held: bytes of memory for all of them."""

    objects: int = OBJECTS_IN_FLIGHT
    held: int = BYTES_IN_FLIGHT

    def of(self, size: float) -> float:
        """Of objects of so many bytes; one at least."""
        return max(1.0, min(self.objects, self.held / weight(int(size))))
