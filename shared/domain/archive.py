"""Objects that S3 must restore before they can be read."""

from enum import StrEnum

ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""S3 classes whose objects cannot be read before they are restored."""

SILENT_CLASSES = frozenset({"INTELLIGENT_TIERING"})
"""S3 classes that may archive an object without saying so in a listing: only a HEAD tells.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: x-amz-archive-status"""


class Restore(StrEnum):
    """What S3 says of an archived object."""

    NEEDED = "needed"
    UNDER_WAY = "under way"
    DONE = "done"


class Tier(StrEnum):
    """How fast a restore is, and how dear."""

    BULK = "Bulk"
    STANDARD = "Standard"
    EXPEDITED = "Expedited"


_UNDER_WAY = ", being restored"


def kind(storage_class: str, restore: Restore | None) -> str:
    """What archived objects are counted as: by class, those that are being restored apart."""
    return f"{storage_class}{_UNDER_WAY}" if restore is Restore.UNDER_WAY else storage_class


def read_header(value: str) -> Restore:
    """What x-amz-restore says. https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"""
    if 'ongoing-request="true"' in value:
        return Restore.UNDER_WAY
    return Restore.DONE if 'ongoing-request="false"' in value else Restore.NEEDED
