"""A port for each process of the stack."""

from dataclasses import dataclass, field, fields

from local.emulators.loopback import check_free, free_port


@dataclass(frozen=True, slots=True)
class Ports:
    """A port for each server and function."""

    s3: int = field(default_factory=free_port)
    edge: int = field(default_factory=free_port)
    gcs: int = field(default_factory=free_port)
    pubsub: int = field(default_factory=free_port)
    firestore: int = field(default_factory=free_port)
    secrets: int = field(default_factory=free_port)
    scheduler: int = field(default_factory=free_port)
    lister: int = field(default_factory=free_port)
    transfer: int = field(default_factory=free_port)
    verifier: int = field(default_factory=free_port)
    sqs: int = field(default_factory=free_port)

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        """Consecutive ports. Raises PortTaken if one of them is."""
        ports = cls(**{item.name: base + number for number, item in enumerate(fields(cls))})
        for item in fields(cls):
            check_free(item.name, getattr(ports, item.name))
        return ports
