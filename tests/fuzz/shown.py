"""What people and their programs read: lines of the log, rows of the manifest, pages of reports.

A key is data wherever it stands: one line is one event or one row, and no page has an element that its template has
not.
"""

import contextlib
import gzip
import io
import json
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

from shared.domain.objects import DestinationObject
from shared.domain.rollup import FolderRollup, Rollup
from shared.reporting.manifest import ManifestFile, of_copy
from shared.reporting.model import Report
from shared.reporting.page import page
from shared.telemetry import Log, about
from tests.browser import sample
from tests.fuzz.draw import Draw


def log_line(draw: Draw) -> None:
    """One event, one line, in UTF-8, with the severity that the code gave it."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), about(subscription=draw.text(), message_id=draw.value()):
        Log(job=draw.text()).warning(draw.text(), key=draw.octets(), reason=draw.text(), more=draw.value())
    line = said.getvalue()
    line.encode()
    assert line.count("\n") == 1
    read = json.loads(line)
    assert (read["severity"], line[-1]) == ("WARNING", "\n")


def manifest(draw: Draw) -> None:
    """One object, one row: `bq load` and any reader of JSON lines reads back what was there."""
    names = [draw.octets().decode(errors="ignore").encode() for _ in range(3)]
    copies = [DestinationObject(name, 1, 2, "c", None, {"s3gcs-etag": draw.text()}) for name in names]
    file = ManifestFile()
    file.add([of_copy(copy) for copy in copies])
    _, body = file.close("m")
    lines = gzip.decompress(body).decode().split("\n")
    assert [json.loads(line)["name"].encode() for line in lines[:-1]] == names


class Elements(HTMLParser):
    """The names of a page's elements and attributes, and what its scripts are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.scripts: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attrs)}
        self._script = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts.append(data)
            self._script = False


def read(text: str) -> Elements:
    parser = Elements()
    parser.feed(text)
    return parser


@cache
def base() -> Report:
    return sample.comparing()


def with_texts(texts: list[str]) -> Report:
    """A report with these texts wherever it shows what others wrote."""
    first, second, third = texts
    folders = {
        text.encode()[:1024].decode(errors="ignore").encode(): FolderRollup(5, 50, 4, 40, 1, 1) for text in texts
    }
    differing = [(text, 10**number, third) for number, text in enumerate(texts)]
    failed = [(text, 10**number, f"forbidden: {second}") for number, text in enumerate(texts)]
    sums = Rollup(folders=folders, differing=differing)
    return replace(base(), sums=sums, failed=failed, prefix=first, source=second, destination=third)


@cache
def plain() -> Elements:
    return read(page(with_texts(["a/b", "c", "d"])))


def report_page(draw: Draw) -> None:
    """Whatever keys and names say, the page has its template's elements, attributes and script, and can be written."""
    text = page(with_texts([draw.text().encode(errors="replace").decode() for _ in range(3)]))
    text.encode()
    found = read(text)
    assert found.found <= plain().found
    assert found.scripts == plain().scripts
    assert "\u202e" not in text
