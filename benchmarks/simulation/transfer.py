"""The transfer as a flow: what is published is copied at the rate of whatever binds.

Twelve million messages are too many to deliver one by one, and their order does not matter: every limit below is
a rate.
"""

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.simulation import limits
from shared.domain.instance import Places
from shared.pricing.estimate import KEY_BYTES
from shared.pricing.speed import objects_a_second


@dataclass(slots=True)
class Transfer:
    """object_bytes: of a mean object. places: for the copies of an instance, by their number and by their bytes.
    binding: seconds by what held the flow back.
    """

    object_bytes: float
    places: Places = field(default_factory=Places)
    backlog: float = 0.0
    copied: float = 0.0
    instances: float = 0.0
    peak_instances: int = 0
    instance_seconds: float = 0.0
    partitions: float = limits.S3_PARTITIONS_AT_FIRST
    binding: Counter[str] = field(default_factory=Counter)

    @property
    def heartbeats(self) -> int:
        """Of all instances, each into a document of its own."""
        return int(self.instance_seconds / limits.HEARTBEAT_SECONDS)

    def instance_rate(self) -> float:
        """Objects a second of one instance: what its CPU, its places and its network allow."""
        return objects_a_second(self.object_bytes, self.places)

    def rates(self, now: float) -> dict[str, float]:
        """Objects a second that each limit allows."""
        size = self.object_bytes
        return {
            "instances of the transfer": self.instance_rate() * self.instances,
            "S3 requests a partition": limits.S3_GETS_A_PARTITION * self.partitions,
            "CloudFront bandwidth": limits.CDN_BYTES_A_SECOND / size,
            "CloudFront requests": float(limits.CDN_REQUESTS_A_SECOND),
            "Cloud Storage write ramp": limits.GCS_WRITES_AT_FIRST * 2 ** (now / limits.GCS_DOUBLING_SECONDS),
            "Pub/Sub push throughput": limits.PUBSUB_PUSH_BYTES_A_SECOND / KEY_BYTES,
        }

    def step(self, now: float, seconds: float) -> float:
        """Copy for so many seconds; how many objects that were."""
        wanted = limits.TRANSFER_INSTANCES if self.backlog else 0
        grow = limits.INSTANCES_A_MINUTE * seconds / limits.MINUTE
        self.instances = min(wanted, self.instances + grow)
        rates = self.rates(now)
        name = min(rates, key=lambda limit: rates[limit])
        done = min(self.backlog, rates[name] * seconds)
        if done < self.backlog:
            self.binding[name] += int(seconds)
        if name == "S3 requests a partition":
            self.partitions *= 2 ** (seconds / limits.S3_PARTITION_DOUBLING_SECONDS)
        share = done / max(rates["instances of the transfer"] * seconds, 1)
        self.instance_seconds += self.instances * min(share, 1) * seconds
        self.peak_instances = max(self.peak_instances, int(self.instances))
        self.backlog -= done
        self.copied += done
        return done
