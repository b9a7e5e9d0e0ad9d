"""All that is drawn in a schedule, from one number; and the swarm: which features it has."""

import random
from dataclasses import dataclass, fields


class Chance:
    """One stream of draws a purpose, so that a draw more for one leaves the others as they are."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, random.Random] = {}

    def of(self, purpose: str) -> random.Random:
        """The stream of a purpose."""
        found = self._streams.get(purpose)
        if found is None:
            found = self._streams[purpose] = random.Random(f"{self.seed} {purpose}")
        return found


@dataclass(frozen=True, slots=True)
class Swarm:
    """What may happen in a schedule. Each is on in a share of all schedules, so that rare pairs meet undisturbed.

    https://users.cs.utah.edu/~regehr/papers/swarm12.pdf
    """

    broken: bool
    """Answers are cut off, requests and answers get lost, hosts answer 500."""
    throttling: bool
    """Hosts ask for patience."""
    outage: bool
    """One host cannot be reached for minutes."""
    stale: bool
    """The edge serves what the object was some time ago."""
    edge_errors: bool
    """The edge fails by itself, and keeps an error for ten seconds."""
    changes: bool
    """Objects are replaced and deleted at the source while they are copied."""
    duplicates: bool
    """Messages are delivered again although they were acknowledged."""
    late: bool
    """Messages wait for minutes, and some come again hours later."""
    crashes: bool
    """Instances die in the middle of a line."""
    pauses: bool
    """A person pauses the job and resumes it."""
    expiry: bool
    """Access tokens run out."""
    slow: bool
    """Calls take up to minutes."""
    state_errors: bool
    """Firestore and Pub/Sub fail before or after they have done what was asked."""
    lost_sessions: bool
    """Upload sessions and multipart uploads vanish."""
    skew: bool
    """Clocks of instances differ by seconds."""
    reorder: bool
    """What is ready at the same moment runs in any order."""
    reserved: bool
    """Users' metadata has names that are ours."""
    freezes: bool
    """Instances stand still for seconds or minutes and go on as if nothing had been."""
    cancels: bool
    """A person ends runs for good."""

    @classmethod
    def of(cls, chance: Chance) -> "Swarm":
        draw = chance.of("swarm")
        if draw.random() < 0.02:
            return cls(**{field.name: False for field in fields(cls)})
        share = draw.choice((0.15, 0.35, 0.6))
        return cls(**{field.name: draw.random() < share for field in fields(cls)})

    def told(self) -> str:
        """The features that are on."""
        return " ".join(field.name for field in fields(self) if getattr(self, field.name)) or "calm"
