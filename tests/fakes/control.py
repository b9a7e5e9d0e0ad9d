"""What a person says, and what runs have used of their ceilings."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add

from shared.domain.spending import Amount, Ceilings, part, shard_of, take, within_parts
from shared.ports.control_store import Control, Spoke


@dataclass
class FakeControl:
    """spent_by: what each shard of a run's spending holds. under: the ceilings under which it was. written: when it
    was written.
    """

    said: Control = field(default_factory=Control)
    writings: int = 0
    spoke: Spoke | None = None
    spent_by: dict[str, dict[int, Amount]] = field(default_factory=lambda: defaultdict(dict))
    under: dict[tuple[str, int], tuple[Ceilings, str] | None] = field(default_factory=dict)
    written: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))

    async def get(self) -> Control:
        return self.said

    async def update(self, change: Callable[[Control], Control]) -> Control:
        self.writings += 1
        self.said = replace(change(self.said), revision=str(self.writings))
        return self.said

    async def speak_for(self, identity: str, text: str) -> Spoke:
        before = self.spoke or Spoke(identity, identity, text)
        self.spoke = Spoke(before.first, identity, text)
        return before

    async def spoken(self) -> Spoke | None:
        return self.spoke

    async def spent(self, run: str) -> Amount:
        return reduce(add, self.spent_by[run].values(), Amount())

    async def reserve(self, run: str, owner: str, amount: Amount, control: Control, now: float) -> bool:
        spent, home = self.spent_by[run], shard_of(owner)
        own, gives_back = spent.get(home, Amount()) + amount, not amount.exceeds(Amount())
        known = self.under.get((run, home)) == (control.ceilings, control.revision)
        changed = {home: own}
        if not gives_back and not (known and own.fits(part(control.ceilings, home))):
            taken = take(spent, amount, control.ceilings, home)
            if taken is None:
                return False
            even = within_parts(spent, control.ceilings)
            self.under |= {(run, shard): (control.ceilings, control.revision) if even else None for shard in taken}
            changed = taken
        spent |= changed
        for shard in changed:
            self.written[run, shard].append(now)
        return True
