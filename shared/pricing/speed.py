"""How fast an instance of the transfer copies, for forecasts: of one vCPU, over TLS.

What was measured is of `make bench-transfer`; what is assumed is no service's promise. Services
may hold the whole back where its instances would not: `make simulate` has these limits, too.
"""

from shared.domain.instance import Places

COPY_CPU_SECONDS = 0.21e-3
COPY_CPU_SECONDS_A_BYTE = 1.5e-9
"""Measured until 25 November 2026: 10 KiB objects, and large ones over TLS. Both take less since (docs/performance.md);
forecasts stay on the slow side.
"""

INSTANCE_BYTES_A_SECOND = 75e6
"""Assumed: 600 Mbit/s in and out of an instance of one vCPU."""

COPY_SECONDS = 0.2
"""Assumed latency of a small copy: CloudFront to S3 and back, then the write."""


def objects_a_second(size: float, places: Places) -> float:
    """Of objects of so many bytes: what an instance's CPU, its places and its network allow. Each waits as long as a
    small one, and then shares the network with all others: somewhat slower than waiting and moving at the same time.
    """
    copies = places.of(size)
    in_turn = COPY_SECONDS + size * copies / INSTANCE_BYTES_A_SECOND
    by_cpu = 1 / (COPY_CPU_SECONDS + COPY_CPU_SECONDS_A_BYTE * size)
    return min(by_cpu, copies / in_turn, INSTANCE_BYTES_A_SECOND / max(size, 1.0))
