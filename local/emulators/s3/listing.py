"""ListObjectsV2 and its older sister, over keys in byte order."""

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from local.emulators.s3.store import ARCHIVE_CLASSES, Bucket, S3Error, StoredObject

NS = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
PAGE = 1000
_MOST_INTEGER = 2**31 - 1


@dataclass(slots=True)
class Page:
    """Objects and rolled-up prefixes, in order. last: where the next page goes on, None at the end."""

    objects: list[tuple[bytes, StoredObject]] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    last: bytes | None = None

    @property
    def last_shown(self) -> bytes:
        """The greatest key or prefix of the page."""
        return max([*(key for key, _ in self.objects[-1:]), *self.prefixes[-1:]], default=b"")

    def __len__(self) -> int:
        return len(self.objects) + len(self.prefixes)


def page(bucket: Bucket, prefix: bytes, after: bytes, delimiter: bytes, most: int) -> Page:
    """Keys greater than `after`. A prefix that was rolled up is skipped whole."""
    found = Page()
    if most == 0:
        return found
    keys = bucket.objects.irange(minimum=max(prefix, after))
    position = after
    for key in keys:
        if key <= after and after:
            continue
        if not key.startswith(prefix):
            break
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        rolled = key[: cut + len(delimiter)] if cut >= 0 else None
        if rolled is not None and (after.startswith(rolled) or (found.prefixes and found.prefixes[-1] == rolled)):
            position = key
            continue
        if len(found) >= most:
            found.last = position
            break
        if rolled is not None:
            found.prefixes.append(rolled)
        else:
            found.objects.append((key, bucket.objects[key]))
        position = key
    return found


def render(name: str, bucket: Bucket, query: Mapping[str, str], restores: bool = False) -> bytes:
    """The answer to GET /bucket, version 2 if list-type says so. restores: with archived objects' restore status.

    NextMarker comes only with a delimiter: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html
    """
    version_2 = query.get("list-type") == "2"
    encode = _encoder(query.get("encoding-type"))
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    most = min(_max_keys(query.get("max-keys") or str(PAGE)), PAGE)
    held = min(most, bucket.page_keys)
    token = query.get("continuation-token") if version_2 else None
    if token == "":
        raise S3Error(400, "InvalidArgument", "The continuation token provided is incorrect")
    start = query.get("start-after" if version_2 else "marker", "")
    try:
        after = base64.urlsafe_b64decode(token) if token else start.encode()
    except ValueError:
        raise S3Error(400, "InvalidArgument", "The continuation token provided is incorrect") from None
    found = page(bucket, prefix.encode(), after, delimiter.encode(), held)
    out = [
        f"<Name>{name}</Name><Prefix>{encode(prefix.encode())}</Prefix><MaxKeys>{most}</MaxKeys>",
        f"<IsTruncated>{'true' if found.last is not None else 'false'}</IsTruncated>",
    ]
    if delimiter:
        out.append(f"<Delimiter>{encode(delimiter.encode())}</Delimiter>")
    if query.get("encoding-type") == "url":
        out.append("<EncodingType>url</EncodingType>")
    if version_2:
        out.append(f"<KeyCount>{len(found)}</KeyCount>")
        if token is not None:
            out.append(f"<ContinuationToken>{escape(token)}</ContinuationToken>")
        if start:
            out.append(f"<StartAfter>{encode(start.encode())}</StartAfter>")
        if found.last is not None:
            next_token = base64.urlsafe_b64encode(found.last).decode()
            out.append(f"<NextContinuationToken>{next_token}</NextContinuationToken>")
    else:
        out.append(f"<Marker>{encode(start.encode())}</Marker>")
        if found.last is not None and delimiter:
            out.append(f"<NextMarker>{encode(found.last_shown)}</NextMarker>")
    out.extend(_contents(key, stored, encode, restores) for key, stored in found.objects)
    out.extend(f"<CommonPrefixes><Prefix>{encode(item)}</Prefix></CommonPrefixes>" for item in found.prefixes)
    body = f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult{NS}>{"".join(out)}</ListBucketResult>'
    return body.encode()


def _max_keys(given: str) -> int:
    """An integer of 32 bits that is not negative."""
    name = "max-keys"
    if not re.fullmatch("[+-]?[0-9]{1,10}", given) or abs(int(given)) > _MOST_INTEGER:
        message = f"Provided {name} not an integer or within integer range"
        raise S3Error(400, "InvalidArgument", message, ArgumentName=name, ArgumentValue=given)
    if int(given) < 0:
        message = f"Argument {name} must be an integer between 0 and {_MOST_INTEGER}"
        raise S3Error(400, "InvalidArgument", message, ArgumentName=name, ArgumentValue=given)
    return int(given)


def _contents(key: bytes, stored: StoredObject, encode: Callable[[bytes], str], restores: bool) -> str:
    return (
        f"<Contents><Key>{encode(key)}</Key><LastModified>{iso(stored.modified)}</LastModified>"
        f"<ETag>&quot;{stored.etag}&quot;</ETag><Size>{stored.content.size}</Size>"
        f"{_restore(stored) if restores else ''}<StorageClass>{stored.storage_class}</StorageClass></Contents>"
    )


def _restore(stored: StoredObject) -> str:
    if stored.storage_class not in ARCHIVE_CLASSES:
        return ""
    until = f"<RestoreExpiryDate>{iso(stored.readable_until)}</RestoreExpiryDate>" if stored.restored else ""
    ongoing = str(stored.ongoing).lower()
    return f"<RestoreStatus><IsRestoreInProgress>{ongoing}</IsRestoreInProgress>{until}</RestoreStatus>"


def _encoder(encoding: str | None) -> Callable[[bytes], str]:
    """S3 writes a space as `+` in URL-encoded listings, and leaves slashes."""
    if encoding == "url":
        return lambda text: quote_plus(text, safe="/")
    return lambda text: escape(text.decode(), {"\r": "&#13;"})


def iso(epoch_seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(epoch_seconds))
