"""The locks: what is installed, each package in one version and held to the hashes of its files. `make lock` makes them
of what requirements*.txt ask for, `make` installs nothing else.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "requirements.lock"
LOCKS = {
    name: ROOT / f"{name}.lock"
    for name in (
        "requirements",
        "requirements-local",
        "requirements-dev",
        "requirements-bench",
        "requirements-policies",
    )
}
"""By the name of the file of which each is made."""

_ENTRY = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+?))? +(?P<hashes>(?:--hash=\S+ *)+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    """A package in its version. marker: on which machines it is installed; "" is everywhere. hashes: SHA-256 of its
    files.
    """

    name: str
    version: str
    marker: str
    hashes: frozenset[str]

    @property
    def installed(self) -> bool:
        """Whether this machine and Python install it."""
        return not self.marker or Marker(self.marker).evaluate()


def read(lock: Path) -> list[Locked]:
    """All entries. ValueError: a line that is no package in one version with a SHA-256 for each of its files."""
    lines = lock.read_text().replace("\\\n", " ").splitlines()
    return [_entry(line) for line in lines if line and not line.startswith("#")]


def _entry(line: str) -> Locked:
    found = _ENTRY.fullmatch(line)
    if found is None or len(hashes := _HASH.findall(found["hashes"])) != found["hashes"].count("--hash="):
        raise ValueError(f"no package that is pinned with hashes: {line[:120]}")
    return Locked(canonicalize_name(found["name"]), found["version"], found["marker"] or "", frozenset(hashes))
