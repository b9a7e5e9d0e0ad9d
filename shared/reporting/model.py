"""What a report says of a run, and its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.counts import Counts, Outcome
from shared.domain.instance import KEYS_PER_MESSAGE, MEMORY_BYTES, Places
from shared.domain.lag import Lag
from shared.domain.page import PAGE_KEYS
from shared.domain.progress import Progress
from shared.domain.rollup import Checks, Rollup
from shared.domain.routes import CLOUDFRONT
from shared.domain.runs import RunKind, RunState
from shared.pricing.catalog import Plan, Prices, published
from shared.pricing.estimate import STANDARD, Use, overhead
from shared.reporting.sentence import Ended, running, verdict

MOST_FAILED = 500
"""Failed keys that a page shows; all are in the manifest and in the ledger."""

INSTANCE_GIB = MEMORY_BYTES / 2**30
"""Memory of an instance of the transfer, a twentieth of what it costs."""

Rows = Sequence[tuple[str, int, int]]
"""Name, keys, bytes."""

Failed = tuple[str, int, str]
"""Key, bytes, reason."""


@dataclass(frozen=True, slots=True)
class Report:
    """ended_at: when it was seen to have ended; of a run that is running, now. listed: keys and bytes. outcomes,
    filters, verdicts: name, keys, bytes. failed: key, bytes, reason. progress: what the instances have reported. files:
    of the manifest. prices, storage_classes, keys_per_message, restore_days, route, places (for copies of an
    instance), plans (flat-rate ones), most_dollars (the ceiling, None for none): the job's. counted: whether its
    counts could be added up in time; listing: whether it is still being listed. before: the run before it, "" for none.
    lag: of keys that events named. changes: what events had told of the new and changed keys that a listing found.
    follows_events: whether the job follows any. address: where a browser finds its page, "" where that is not known.
    found_there: of the unchanged keys those whose copies were looked at. whole: whether every range was listed to its
    end, as far as is known. paused: whether it waits for the end of a pause, while it is running.
    """

    run: str
    kind: RunKind
    prefix: str
    source: str
    destination: str
    state: RunState
    started_at: float
    ended_at: float
    listed: tuple[int, int]
    pending: int
    outcomes: Rows
    filters: Rows
    verdicts: Rows
    sums: Rollup
    failed: Sequence[Failed]
    progress: Progress
    files: Sequence[str]
    checks: Checks = field(default_factory=dict)
    prices: Prices = field(default_factory=lambda: published().at("us-east-1"))
    storage_classes: Mapping[str, str] = field(default_factory=dict)
    keys_per_message: int = KEYS_PER_MESSAGE
    restore_days: int = 7
    route: str = CLOUDFRONT
    places: Places = field(default_factory=Places)
    plans: Sequence[Plan] = ()
    most_dollars: float | None = None
    counted: bool = True
    listing: bool = False
    before: str = ""
    address: str = ""
    lag: Lag = field(default_factory=Lag)
    changes: Counts = field(default_factory=Counts)
    follows_events: bool = False
    found_there: int = 0
    whole: bool = False
    paused: bool = False

    def use(self) -> Use:
        """What the run used. What the instances have not reported yet came by the routes that the rest did."""
        keys, size = self.copied
        routes = self.progress.ways or {CLOUDFRONT: (keys, size)}
        all_keys, all_bytes = (max(sum(amounts), 1) for amounts in zip(*routes.values(), strict=True))

        def whole(amounts: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
            """Rounded together, so that all routes are all that was copied."""
            found, told, given = dict[str, tuple[int, int]](), (0, 0), (0, 0)
            for name, (n, m) in amounts.items():
                told = told[0] + n, told[1] + m
                sofar = round(told[0] / all_keys * keys), round(told[1] / all_bytes * size)
                found[name], given = (sofar[0] - given[0], sofar[1] - given[1]), sofar
            return found

        classes = whole(self.progress.classes)
        own = overhead(keys, self.keys_per_message, self.progress.seconds, INSTANCE_GIB)
        if self.kind is RunKind.VERIFY:
            own["gcs.class_a"] = -(-self.listed[0] // PAGE_KEYS)
        kms = round(self.progress.kms / all_keys * keys)
        return Use(self.listed[0], whole(routes), classes, kms, self._written(keys, classes), own)

    def _written(self, keys: int, classes: Mapping[str, tuple[int, int]]) -> dict[str, int]:
        """Copied objects by Cloud Storage's class; the bucket's default is taken to be STANDARD."""
        read = {name: objects for name, (objects, _) in classes.items()}
        read[STANDARD] = max(keys - sum(read.values()), 0)
        found: dict[str, int] = {}
        for name, objects in read.items():
            theirs = self.storage_classes.get(name, STANDARD)
            found[theirs] = found.get(theirs, 0) + objects
        return found

    @property
    def copied(self) -> tuple[int, int]:
        """Keys and bytes."""
        return next(((keys, size) for name, keys, size in self.outcomes if name == "copied"), (0, 0))

    @property
    def seconds(self) -> float:
        """From its beginning until it was seen to have ended, or until now."""
        return max(self.ended_at - self.started_at, 0.0)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.state is RunState.RUNNING

    @property
    def failures(self) -> int:
        """Keys that have failed."""
        return next((keys for name, keys, _ in self.outcomes if name == Outcome.FAILED), 0)

    def verdict(self) -> tuple[str, str]:
        """Good, warning or bad, and a sentence; of a run that is running, how far it is."""
        if self.running:
            found = sum(self.progress.told().values())
            return "running", running(self.ended, self.counted, self.listing, found, self.paused)
        return verdict(self.ended)

    @property
    def ended(self) -> Ended:
        """In keys, as the verdict is made of."""
        outcomes = {name: keys for name, keys, _ in self.outcomes}
        verdicts = {name: keys for name, keys, _ in self.verdicts}
        proofs, there, whole = self.sums.proofs, self.found_there, self.whole
        return Ended(self.kind, self.state, self.listed[0], self.pending, outcomes, verdicts, proofs, there, whole)
