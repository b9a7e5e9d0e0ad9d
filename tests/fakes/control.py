"""What a person says, and what runs have used of their quotas."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.ports.control_store import Control, Spoke


@dataclass
class FakeControl:
    said: Control = field(default_factory=Control)
    spoke: Spoke | None = None
    spent: dict[str, tuple[int, int]] = field(default_factory=dict)

    async def get(self) -> Control:
        return self.said

    async def update(self, change: Callable[[Control], Control]) -> Control:
        self.said = change(self.said)
        return self.said

    async def speak_for(self, identity: str, text: str) -> Spoke:
        before = self.spoke or Spoke(identity, identity, text)
        self.spoke = Spoke(before.first, identity, text)
        return before

    async def reserve(self, run: str, objects: int, size: int, control: Control) -> bool:
        spent = self.spent.get(run, (0, 0))
        wish = spent[0] + objects, spent[1] + size
        ceilings = zip(wish, (control.most_objects, control.most_bytes), strict=True)
        if (objects > 0 or size > 0) and any(most is not None and amount > most for amount, most in ceilings):
            return False
        self.spent[run] = wish
        return True
