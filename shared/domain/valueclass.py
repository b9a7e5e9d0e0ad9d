"""Values that are made many times an object.

`@dataclass(frozen=True)` sets every field through a call of `object.__setattr__`: 17 fields take four times the CPU of
plain ones. So these are frozen for the type checker, which sees every line that there is, and not at run time. They
compare and hash as frozen ones do.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["valueclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass as valueclass
else:
    from dataclasses import dataclass

    T = TypeVar("T")

    def valueclass(*, frozen: bool, slots: bool) -> Callable[[type[T]], type[T]]:
        """In the place of `dataclass`, with the same arguments."""
        return dataclass(slots=slots, unsafe_hash=frozen)
