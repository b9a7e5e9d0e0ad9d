"""DeleteObjects: up to a thousand keys a request, in any of the XML's spellings.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from collections.abc import Callable
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from local.emulators.s3.listing import NS
from local.emulators.s3.store import Bucket, S3Error

MOST_KEYS = 1000


def delete_many(bucket: Bucket, body: bytes, removed: Callable[[bytes], None]) -> str:
    """The answer, with a line a key unless the request says Quiet. Raises S3Error for what is no such request."""
    try:
        given = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise _malformed() from None
    named = [item for item in given if _tag(item) == "Object"]
    keys = [child.text or "" for item in named for child in item if _tag(child) == "Key"]
    if _tag(given) != "Delete" or not 1 <= len(named) <= MOST_KEYS or len(keys) != len(named) or "" in keys:
        raise _malformed()
    if any(_tag(child) != "Key" for item in named for child in item):
        raise S3Error(501, "NotImplemented", "Versions and conditions of a deletion are not implemented")
    for key in keys:
        bucket.objects.pop(key.encode(), None)
        removed(key.encode())
    quiet = any(_tag(item) == "Quiet" and (item.text or "").strip() == "true" for item in given)
    deleted = "" if quiet else "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
    return f"<DeleteResult{NS}>{deleted}</DeleteResult>"


def _tag(item: ElementTree.Element) -> str:
    return item.tag.rpartition("}")[2]


def _malformed() -> S3Error:
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    return S3Error(400, "MalformedXML", message)
