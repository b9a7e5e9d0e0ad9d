"""What a bucket tells of its changes: at least once, in no order, and late."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One change of a key. etag, size: of the object that was created; etag is "" and size 0 of a removal. sequencer:
    orders the events of one key; "" if the event says none. at: when it happened, epoch seconds.
    """

    key: bytes
    removed: bool
    sequencer: str
    at: float
    etag: str = ""
    size: int = 0

    def is_newer(self, sequencer: str | None) -> bool:
        """Whether it came after the event of this sequencer, of the same key; None for none. Hexadecimal numbers of
        different lengths are padded with zeros on the right:
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
        What has no sequencer is always taken for newer: to ask once too often costs no copy.
        """
        if not sequencer or not self.sequencer:
            return True
        length = max(len(sequencer), len(self.sequencer))
        return self.sequencer.lower().ljust(length, "0") > sequencer.lower().ljust(length, "0")
