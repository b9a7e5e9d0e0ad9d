"""By which topic a batch goes to the transfer."""

from dataclasses import dataclass

from shared.domain.messages import ListMessage, Message, TransferMessage


@dataclass(frozen=True, slots=True)
class TransferTopics:
    """usual: of scheduled runs, runs of the whole job, and repairs. first: of what somebody waits for; the usual one
    where there is no other. A subscription's messages come in about the order of their publishing, so that one key
    behind a run of three billion waits as long as that is copied: fifteen hours (docs/performance.md). Each topic's
    subscription pushes by itself, so neither waits for the other.
    """

    usual: str
    first: str

    def of(self, message: TransferMessage) -> str:
        """Also of what is left of a message, and of the parts of its object."""
        return self.first if message.first else self.usual


def goes_first(message: Message) -> bool:
    """Whether batches of what a message asks for go by `TransferTopics.first`: somebody waits for them, since it names
    keys or a prefix, or S3 has told of a change. Its further ranges, which have their run's prefix in any case, say so
    by `redrive`.
    """
    if not isinstance(message, ListMessage):
        return False
    return bool(message.redrive or message.keys or message.events or (message.prefix and message.run is None))
