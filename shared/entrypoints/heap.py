"""What the C library does with memory that is freed: it keeps it.

By its own rule a body's half megabyte that is freed at the top of the heap goes back to the kernel, and comes again as
pages of zeros, each by a fault: some 10,000 faults for two objects of a GiB over TLS, and under 200 with this. The most
that a transfer ever takes is the same. https://man7.org/linux/man-pages/man3/mallopt.3.html

Of the transfer alone: a lister and a verifier read pages and records of every size between their own objects, and what
lies between those would be kept as well.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h."""

_KEPT_BYTES = 256 * 1024 * 1024
"""Free memory at the top of the heap up to this is kept: more than an instance has in bodies."""

_MAPPED_BYTES = 32 * 1024 * 1024
"""What is smaller comes from the heap; the greatest value that there is on 64 bits. Where only the other threshold is
set, it stays at 128 KiB, and each piece of a body is mapped anew.
"""


def keep_freed_memory() -> None:
    """Does nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _MAPPED_BYTES)
