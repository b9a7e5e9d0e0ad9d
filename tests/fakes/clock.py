"""A clock that moves when it is told to, or when somebody sleeps."""

from dataclasses import dataclass, field


@dataclass
class FakeClock:
    time: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def draw(self) -> float:
        return 0.5

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
