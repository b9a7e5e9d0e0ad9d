"""The stack's options, from variables of the environment."""

import os
from enum import StrEnum

from local.children import StackError
from shared.settings import CdnAuth

_CHOOSABLE = (
    "CDN_AUTH",
    "CDN_POLICY_HASH",
    "ROUTE",
    "STALE_EDGE",
    "LARGE_BYTES",
    "PART_BYTES",
    "STORAGE_CLASS_MAP",
    "UNSUPPORTED_NAMES",
)


class Flavour(StrEnum):
    """Whose Pub/Sub and Firestore run: ours, or Google's emulators."""

    EMBEDDED = "embedded"
    GOOGLE = "google"

    @classmethod
    def from_environment(cls) -> "Flavour":
        wanted = os.environ.get("STACK") or "embedded"
        if wanted not in tuple(cls):
            raise StackError(f"STACK={wanted} is unknown; it is one of {', '.join(cls)}")
        return cls(wanted)


def cdn_auth(wanted: str | None) -> CdnAuth:
    """Raises StackError if there is no such way."""
    if wanted and wanted not in tuple(CdnAuth):
        raise StackError(f"CDN_AUTH={wanted} is unknown; it is one of {', '.join(CdnAuth)}")
    return CdnAuth(wanted or CdnAuth.SIGV4)


def chosen_settings() -> dict[str, str]:
    """The functions' settings that a person may choose for the stack by variables of the same names."""
    return {name: os.environ[name] for name in _CHOOSABLE if os.environ.get(name)}
