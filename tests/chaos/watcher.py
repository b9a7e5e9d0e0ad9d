"""Somebody who looks at the destination all the time, and knows what it may show."""

import json
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from tests.chaos.source import Source, Version
from tests.schedules.truth import Line

LOOK_SECONDS = 0.1
_ENCODED = ".s3-names/"


def key_of(name: str, keys: set[str]) -> str | None:
    """The key whose copy lies at a name; None if it is no key's."""
    if name in keys:
        return name
    decoded = unquote(name.removeprefix(_ENCODED)) if name.startswith(_ENCODED) else None
    return decoded if decoded in keys else None


@dataclass(slots=True)
class Watcher:
    """A context manager. copies: what each key's copy was, as the numbers of versions, and from when on it was seen.
    least: by key, the version that was current when the first run began: no older one was ever listed. wrong: the laws
    that were seen broken, each with what was seen.
    """

    url: str
    bucket: str
    source: Source
    copies: dict[str, Line[Version]] = field(default_factory=dict)
    least: dict[str, int] = field(default_factory=dict)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    _seen: dict[str, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Watcher":
        self._thread = threading.Thread(target=self._watch, name="watcher")
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.look()
            except OSError:  # it is frozen; it will be seen
                continue

    def look(self) -> None:
        """Look once. Raises OSError if the destination does not answer."""
        found = {str(item["name"]): item for item in self._objects()}
        now = time.time()
        for name, item in found.items():
            if self._seen.get(name) != item["generation"]:
                self._seen[name] = item["generation"]
                self._appeared(name, item, now)
        for name in self._seen.keys() - found.keys():
            del self._seen[name]
            key = key_of(name, set(self.source.history))
            self.wrong.append(("nothing is deleted", f"{name!r} vanished"))
            if key is not None:
                self.copies[key].append((now, None))

    def _appeared(self, name: str, item: dict[str, Any], now: float) -> None:
        key = key_of(name, set(self.source.history))
        if key is None:
            self.wrong.append(("right bytes", f"{name!r} is no key's copy"))
            return
        same = [v for v in self.source.versions(key) if (v.crc32c, v.size) == (item["crc32c"], int(item["size"]))]
        if not same:
            self.wrong.append(
                ("right bytes", f"{key!r} shows {item['size']} bytes ({item['crc32c']}) that it never had")
            )
            return
        if same[-1].number < self.least.get(key, 0):
            self.wrong.append(("read what was listed", f"{key!r}: version {same[-1].number} was never listed"))
        before = [version for _, version in self.copies.get(key, ()) if version is not None]
        if before and same[-1].number < before[-1].number:
            told = f"{key!r}: version {same[-1].number} replaces version {before[-1].number}"
            self.wrong.append(("never older over newer", told))
        self.copies.setdefault(key, []).append((now, same[-1]))

    def _objects(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            address = f"{self.url}/storage/v1/b/{self.bucket}/o?pageToken={quote(token)}"
            with urllib.request.urlopen(address, timeout=20) as answer:
                page = json.load(answer)
            found += page.get("items", [])
            token = page.get("nextPageToken", "")
            if not token:
                return found
