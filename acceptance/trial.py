"""One trial: where it writes, what it wrote, and which runs it began."""

from dataclasses import dataclass, field

from acceptance.cases import Case
from acceptance.services import Services


@dataclass(slots=True)
class Trial:
    """prefix: all that this trial writes lies below it. cases: those that S3 took; left_out: why not the others, by
    what they are. list_run: the run that copied them, "" before there is one; compared_run: the same of the comparison.
    """

    services: Services
    prefix: str
    cases: list[Case] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    list_run: str = ""
    compared_run: str = ""

    def key(self, name: str) -> str:
        """The key of a name below the prefix."""
        return self.prefix + name
