"""What services answer: listings of both sides, headers of objects, refusals.

A page is read, and everything in it makes sense, or it is none; a refusal is always told, in a sentence of some size.
"""

import json
from math import isfinite
from typing import Any
from xml.sax.saxutils import escape

from shared.aws.attributes import attributes
from shared.aws.listing import NotAListing, parse
from shared.domain.errors import ObjectError, Transient
from shared.domain.objects import Attributes
from shared.domain.page import in_order
from shared.domain.provenance import carries, of_the_owner
from shared.domain.reasons import Party
from shared.gcp.objects import described, parse_page
from shared.gcp.objects import parse as parse_copy
from shared.http.classification import Classifier, retry_after
from tests.fuzz.draw import Draw

ROW = (
    "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag>"
    "<Size>{}</Size><StorageClass>{}</StorageClass></Contents>"
)
RESTORE = "<RestoreStatus><IsRestoreInProgress>{}</IsRestoreInProgress></RestoreStatus>"
PAGE = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>b</Name><IsTruncated>{}</IsTruncated><EncodingType>url</EncodingType>{}</ListBucketResult>"
)
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">'
    '<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">'
    '<!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;"><!ENTITY file SYSTEM "file:///etc/passwd">]>'
)


def escaped(text: str) -> str:
    return escape(text.encode(errors="replace").decode())


def listing(draw: Draw) -> None:
    """What is believed of a page of S3's could be an object's: sizes, times, ETags that a header can carry."""
    rows = []
    for number in range(draw.randrange(4)):
        row = [f"k{number}", "2026-11-28T20:00:00.000Z", "0" * 32, "10", "STANDARD"]
        if draw.once_in(2):
            place = draw.randrange(5)
            row[place] = escaped(str(draw.number()) if draw.once_in(3) else draw.text())
            if draw.once_in(8):
                row[place] = draw.choice(("&#13;&#10;x: y", "&g;", "&file;", "<b>1</b>", "&#55296;"))
        text = ROW.format(*row)
        if draw.once_in(6):
            text = text.replace("<StorageClass>", RESTORE.format(draw.choice(("true", "x", ""))) + "<StorageClass>")
        rows.append(text)
    rows += ["<CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes>"] * draw.randrange(2)
    body = PAGE.format(draw.choice(("true", "false", "maybe")), "".join(rows))
    if draw.once_in(6):
        body = body.replace("?>", f"?>{ENTITIES}", 1)
    if draw.once_in(200):
        body = PAGE.format("true", "<a>" * 100_000 + "</a>" * 100_000)
    if draw.once_in(8):
        body = body.replace("UTF-8", draw.choice(("UTF-16", "latin-1", "x")), 1)
    raw = draw.damaged(body.encode()) if draw.once_in(3) else body.encode(draw.choice(("utf-8", "utf-8", "utf-16")))
    try:
        found = parse(raw)
    except NotAListing as wrong:
        str(wrong).encode()
        return
    assert len(found.page.keys) <= 10_000
    in_order(found.page.keys, b"")
    for source in found.page:
        source.text.encode()
        assert 0 <= source.size < 2**63
        assert source.modified >= 0
        assert source.etag.isprintable()
        assert source.etag.isascii()
        assert isinstance(source.archived, bool)


RESOURCE: dict[str, Any] = {
    "name": "a/b",
    "size": "10",
    "generation": "1700000000000000",
    "metageneration": "1",
    "crc32c": "AAAAAA==",
    "md5Hash": "1B2M2Y8AsgTpgAmY7PhCfg==",
    "metadata": {"s3gcs-etag": "0" * 32, "m": "1"},
    "contentType": "text/plain",
}


def copies(draw: Draw) -> None:
    """An object of Cloud Storage's JSON is read, or an error that passes says that it describes none."""
    changed = draw.changed(RESOURCE) if draw.once_in(2) else {**RESOURCE, draw.choice(list(RESOURCE)): draw.value()}
    if not isinstance(changed, dict):
        return
    try:
        one = parse_copy("stat", changed)
    except Transient as wrong:
        str(wrong).encode(errors="backslashreplace")
        one = None
    if one is not None:
        assert min(one.size, one.generation, one.metageneration) >= 0
        one.name.decode()
        assert one.md5 is None or len(one.md5) == 32
    try:
        page = parse_page([RESOURCE, changed], changes=True)
    except Transient:
        assert not is_sound(changed)
        return
    assert all(size >= 0 for size in page.sizes)
    assert all(md5 is None or len(md5) == 32 for md5 in page.md5s)
    assert all(isinstance(item, dict) for item in page.metadata)
    carries(described(changed), Attributes())


def is_sound(resource: dict[str, Any]) -> bool:
    return all(resource.get(name) == RESOURCE[name] for name in RESOURCE)


HEADERS = {
    "content-type": "text/plain",
    "content-encoding": "gzip",
    "cache-control": "no-cache",
    "x-amz-meta-m": "1",
    "x-amz-meta-s3gcs-key": "a",
    "x-amz-server-side-encryption": "AES256",
    "x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "x-amz-checksum-md5": "1B2M2Y8AsgTpgAmY7PhCfg==",
    "x-amz-checksum-type": "FULL_OBJECT",
    "x-amz-storage-class": "GLACIER",
}


def headers(draw: Draw) -> None:
    """Whatever an object's headers say, it can be copied: what is no checksum proves nothing, what is no text stays."""
    given = dict(HEADERS)
    for _ in range(draw.randrange(4)):
        name = draw.choice((*HEADERS, "x-amz-meta-" + draw.text().lower(), "x-amz-checksum-crc32c"))
        value = (
            draw.text() if draw.once_in(2) else draw.choice(("A" * 24, "=" * 24, "é" * 24, "*" * 44, "a-0", "-1", "-"))
        )
        given[name] = value.replace("\r", " ").replace("\n", " ").replace("\x00", " ")
    found = attributes(given)
    assert found.md5 is None or (len(found.md5) == 32 and bytes.fromhex(found.md5))
    assert all("\n" not in value and "\r" not in value for value in found.metadata.values())
    of_the_owner(found.metadata)
    carries(found, found)


_REFUSED = Classifier(Party.S3)

ERRORS = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>m</Message></Error>',
    b'{"error": {"code": 503, "message": "m", "errors": [{"reason": "backendError"}]}}',
    b"<html><body>502 Bad Gateway</body></html>",
    b'{"error": ' + b"[" * 50_000,
    b'{"error": ' + b'{"error":' * 7_000,
)


def refusal(draw: Draw) -> None:
    """A refusal is an error of ours whatever its body is, and waits for a time that ends."""
    body = draw.damaged(draw.choice(ERRORS)) if draw.once_in(2) else draw.json(json.loads(ERRORS[1]))
    given = {"retry-after": draw.text() if draw.once_in(2) else str(draw.number()), "date": draw.text()}
    if draw.once_in(3):
        given["date"] = draw.choice(("Sat, 28 Nov 2026 20:00:00 GMT", "Thu, 01 Jan 0000 00:00:00 +9999"))
        given["retry-after"] = draw.choice(
            ("Sat, 28 Nov 2026 20:10:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "1" * 400)
        )
    error = _REFUSED("s3 GET a/b", draw.choice((400, 403, 404, 409, 412, 416, 429, 500, 503, 599)), given, body, 1.8e9)
    assert isinstance(error, ObjectError)
    assert len(str(error)) <= 2_000
    str(error).encode()
    assert error.retry_after is None or (isfinite(error.retry_after) and error.retry_after >= 0)
    wait = retry_after(given, 1.8e9)
    assert wait is None or (isfinite(wait) and wait >= 0)
