"""objects.list: https://cloud.google.com/storage/docs/json_api/v1/objects/list"""

import base64
from collections.abc import Mapping
from typing import Any

from local.emulators.gcs.store import Bucket, GcsError, number

PAGE = 1000
_SEALED = ("crc32c", "md5Hash")


def render(bucket: Bucket, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of a listing, in the byte order of the names."""
    prefix, delimiter = query.get("prefix", "").encode(), query.get("delimiter", "").encode()
    end = query["endOffset"].encode() if "endOffset" in query else None
    if query.get("matchGlob"):
        raise GcsError(501, "local gcs has no matchGlob", "notImplemented")
    most = min(number(query, "maxResults", PAGE), PAGE) or PAGE
    try:
        after = base64.urlsafe_b64decode(query["pageToken"]) if query.get("pageToken") else None
    except ValueError:
        raise GcsError(400, "Invalid Value") from None
    trailing = query.get("includeTrailingDelimiter", "").lower() == "true"
    low = max(prefix, query.get("startOffset", "").encode(), after or b"")
    items: list[dict[str, Any]] = []
    prefixes: list[bytes] = []
    position = after or b""
    more = False
    for name in bucket.objects.irange(minimum=low):
        if after is not None and name <= after:
            continue
        if not name.startswith(prefix) or (end is not None and name >= end):
            break
        cut = name.find(delimiter, len(prefix)) if delimiter else -1
        rolled = name[: cut + len(delimiter)] if cut >= 0 else None
        if rolled is not None and (
            (after is not None and after.startswith(rolled)) or (prefixes and prefixes[-1] == rolled)
        ):
            position = name
            continue
        if len(items) + len(prefixes) >= most:
            more = True
            break
        if rolled is not None:
            prefixes.append(rolled)
        if rolled is None or (trailing and rolled == name):
            items.append(_listed(bucket.objects[name].resource))
        position = name
    page: dict[str, Any] = {"kind": "storage#objects"}
    if items:
        page["items"] = items
    if prefixes:
        page["prefixes"] = [item.decode() for item in prefixes]
    if more:
        page["nextPageToken"] = base64.urlsafe_b64encode(position).decode()
    return page


def _listed(resource: dict[str, Any]) -> dict[str, Any]:
    """Under a customer's key at KMS a listing shows no checksums, a GET of the object does.

    https://cloud.google.com/storage/docs/encryption/customer-managed-keys#restrictions
    """
    if "kmsKeyName" not in resource:
        return resource
    return {name: value for name, value in resource.items() if name not in _SEALED}
