"""What happens to one call on its way: how long it takes, and whether it or its answer gets lost."""

import random
from dataclasses import dataclass, field
from enum import Enum

from tests.schedules.chance import Chance, Swarm


class Fault(Enum):
    """What happens to a call."""

    NONE = "arrives"
    LOST_REQUEST = "is lost before it arrives"
    LOST_ANSWER = "takes effect, and its answer is lost"
    HALF_REQUEST = "arrives by half"
    CUT_ANSWER = "is answered by half"
    SILENCE = "is never answered"
    ERROR = "is refused with a 5xx"
    LATE_ERROR = "takes effect, and is answered with a 5xx"
    THROTTLED = "is asked for patience"
    CRASH_BEFORE = "is not sent: the instance dies"
    FREEZE = "takes effect, and the instance stands still for a while"
    CRASH_AFTER = "takes effect, and the instance dies"


@dataclass(frozen=True, slots=True)
class Passage:
    """before, after: seconds until a call arrives, and from then until its answer does."""

    fault: Fault
    before: float
    after: float


@dataclass(slots=True)
class Weather:
    """Draws what happens to calls until `ends`, after which everything works. calm: functions whose calls are never
    disturbed. outages: host → the seconds from and until which it cannot be reached, or, with a front end, answers
    whatever it is asked with a 503. hosts: those that may be down or throttle.
    """

    chance: Chance
    swarm: Swarm
    ends: float
    hosts: tuple[str, ...] = ("s3", "edge", "gcs")
    outages: dict[str, tuple[float, float]] = field(default_factory=dict)
    throttles: dict[str, tuple[float, float]] = field(default_factory=dict)
    crashes_left: int = 3
    front_end: bool = False
    refused_share: float = 0.0
    _refused: dict[str, int] = field(default_factory=dict)
    _rates: dict[Fault, float] = field(default_factory=dict)
    _slow_share: float = 0.0
    _draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        draw = self.chance.of("weather")
        self._draw = self.chance.of("passage")
        if self.swarm.broken:
            wire = (Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.HALF_REQUEST, Fault.CUT_ANSWER, Fault.ERROR)
            self._rates.update({fault: draw.choice((0.0, 0.02, 0.1)) for fault in (*wire, Fault.LATE_ERROR)})
            self._rates[Fault.SILENCE] = draw.choice((0.0, 0.01))
        if self.swarm.crashes:
            self._rates[Fault.CRASH_BEFORE] = self._rates[Fault.CRASH_AFTER] = draw.choice((0.003, 0.02))
        if self.swarm.freezes:
            self._rates[Fault.FREEZE] = draw.choice((0.01, 0.05))
        self._slow_share = draw.choice((0.05, 0.25)) if self.swarm.slow else 0.0
        if self.swarm.outage:
            begins = draw.uniform(0, self.ends / 2)
            self.outages[draw.choice(self.hosts)] = (
                begins,
                min(begins + draw.choice((20.0, 90.0, 600.0, 3600.0)), self.ends),
            )
        self.front_end = self.chance.of("front end").random() < 0.5
        if self.swarm.throttling:
            begins = draw.uniform(0, self.ends / 2)
            self.throttles[draw.choice(self.hosts)] = begins, begins + draw.choice((5.0, 60.0, 600.0))

    def down(self, host: str, now: float) -> bool:
        """Whether a host serves nobody."""
        begins, ends = self.outages.get(host, (0.0, 0.0))
        return begins <= now < ends

    def refuses(self, page: str, now: float) -> bool:
        """Whether a page of a listing is refused: once, or so often that whoever asks gives up. page: its request."""
        if not self.refused_share or now >= self.ends:
            return False
        if page not in self._refused:
            draw = self.chance.of("pages")
            self._refused[page] = draw.choice((1, 2, 4, 9)) if draw.random() < self.refused_share else 0
        self._refused[page] -= 1
        if self._refused[page] >= 0:
            return True
        del self._refused[page]
        return False

    def passage(self, host: str, now: float, disturbed: bool, wire: bool) -> Passage:
        """Of the next call. wire: whether it may be cut in two; a call of a port is one whole."""
        draw = self._draw
        before, after = 10 ** draw.uniform(-3.5, -1), 10 ** draw.uniform(-3.5, -1)
        if not disturbed or now >= self.ends:
            return Passage(Fault.NONE, before, after)
        if self._slow_share and draw.random() < self._slow_share:
            before, after = before + draw.choice((0, 1, 5, 20, 90)), after + draw.choice((0, 1, 5, 20, 90))
        begins, ends = self.throttles.get(host, (0.0, 0.0))
        if begins <= now < ends and draw.random() < 0.9:
            return Passage(Fault.THROTTLED, before, after)
        roll = draw.random()
        for fault, rate in self._rates.items():
            roll -= rate
            if roll < 0:
                return Passage(self._allowed(fault, wire), before, after)
        return Passage(Fault.NONE, before, after)

    def _allowed(self, fault: Fault, wire: bool) -> Fault:
        if fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
            self.crashes_left -= 1
            return fault if self.crashes_left >= 0 else Fault.NONE
        if wire or fault is Fault.FREEZE:
            return fault
        return fault if self.swarm.state_errors and fault in (Fault.LOST_REQUEST, Fault.LOST_ANSWER) else Fault.NONE
