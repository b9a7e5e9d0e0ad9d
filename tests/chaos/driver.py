"""One stack and one proxy for all seeds; and a seed from its first message to its judgement."""

import os
import shutil
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from unittest import mock

from local.children import ROOT
from local.clients import pubsub_clients, s3_client
from local.emulators.certificate import self_signed, trusting
from local.emulators.loopback import free_port
from local.faults.client import Faults
from local.stack import Stack
from tests.chaos.drawn import FUNCTIONS, draw
from tests.chaos.judge import Judge, Wrong, grown, happened
from tests.chaos.person import Person
from tests.chaos.site import Shared, Site
from tests.chaos.source import Source
from tests.chaos.storm import Storm
from tests.chaos.watcher import Watcher

REST_SECONDS = 90.0
MOST_ROUNDS = 5
IDLE_ROUNDS = 3


@dataclass(slots=True)
class Told:
    """wrong: the laws that a seed broke, none if all is well. logs: where its processes' output is, if one was."""

    seed: int
    what: str
    wrong: list[Wrong] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    rounds: int = 0
    logs: Path | None = None


class Chaos:
    """A context manager."""

    def __init__(self) -> None:
        self._exits, self._turn = ExitStack(), 0
        self._logs = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.shared: Shared | None = None

    def __enter__(self) -> Self:
        try:
            stack = self._exits.enter_context(
                Stack(functions=(), settings={"CDN_AUTH": "signed-url"}, logs=self._logs / "stack")
            )
            edge, ports = free_port(), stack.ports
            doors = {"s3": ports.s3, "edge": edge, "gcs": ports.gcs}
            doors |= {f"push-{name}": getattr(ports, name) for name in FUNCTIONS}
            grpc_doors = {"firestore": ports.firestore, "pubsub": ports.pubsub}
            certificate = self_signed(self._logs)
            faults = self._exits.enter_context(Faults(doors, grpc_doors, self._logs, certificate))
        except BaseException:
            self._exits.close()
            raise
        self._exits.enter_context(mock.patch.dict(os.environ, stack.environment))
        publisher, subscriber = pubsub_clients(stack.environment)
        s3, trust = s3_client(stack.environment), trusting(certificate[0])
        self.shared = Shared(stack, faults, edge, publisher, subscriber, s3, trust)
        return self

    def __exit__(self, *_error: object) -> None:
        self._exits.close()
        if not any(self._logs.glob("seed-*")):
            shutil.rmtree(self._logs, ignore_errors=True)

    def run(self, seed: int, tree: Path = ROOT) -> Told:
        """A seed's history, judged. tree: the source tree that functions run from."""
        assert self.shared is not None
        drawn, began = draw(seed), time.monotonic()
        self._turn += 1
        logs = self._logs / f"seed-{seed}-{self._turn}"
        logs.mkdir()
        told = Told(seed, drawn.told())
        site = Site(drawn, self.shared, logs, self._turn, tree)
        source = Source(self.shared.s3, site.named("source"), seed)
        watcher = Watcher(self.shared.stack.url("gcs"), site.named("destination"), source)
        try:
            with site.running():
                with ThreadPoolExecutor(8) as pool:
                    list(pool.map(source.put, drawn.things))
                with watcher:
                    _history(site, source, watcher, told)
        except Exception as error:
            told.wrong.append(("the seed runs to its end", "".join(traceback.format_exception(error))[-1500:]))
        told.wrong += watcher.wrong
        told.seconds = time.monotonic() - began
        if told.wrong:
            told.logs = logs
        else:
            shutil.rmtree(logs)
        return told


def _history(site: Site, source: Source, watcher: Watcher, told: Told) -> None:
    person = Person(site)
    storm, faults = Storm(site, source, person), site.shared.faults
    person.begin()
    if site.drawn.stale:
        storm.keep_old()
    watcher.least = {key: source.versions(key)[-1].number for key in source.things}
    faults.plan(storm.planned())
    site.publish("list", {})
    storm.rage()
    if site.drawn.ceiling is not None:
        rested = site.rest(REST_SECONDS)
        person.lift()
    site.publish("verify", {})
    rested = site.rest(REST_SECONDS)
    while rested and (faults.told().never or storm.waiting) and told.rounds < MOST_ROUNDS:
        told.rounds += 1
        for what in ("replace", "replace", "add"):
            storm.change(what)
        rested = storm.beside(lambda: _round(site))
    became = faults.calm()
    acts = sum(storm.happened.values())
    if site.drawn.stale:
        storm.forget_old()
    for fault in became.faults:
        told.fired[f"{fault.door} {fault.kind}"] += fault.fired
    told.fired.update(storm.happened)
    steered = {"held back": site.drawn.held > 0, "ceiling": site.drawn.ceiling is not None}
    told.fired.update(name for name, is_so in steered.items() if is_so)
    told.wrong += happened(became, len(site.drawn.acts), acts)
    if site.drawn.stale and not storm.happened["stale answer"]:
        told.wrong.append(("what was planned happened", "the edge never served what was"))
    if rested and (rested := _round(site)):
        rested, more = _idle(site)
        told.wrong += more
    if not rested:
        told.wrong.append(("every wait ends", f"{site.backlog()}, under way {faults.told().under_way}"))
    watcher.look()
    judge = Judge(site, source, watcher, person, person.runs())
    for law in (
        judge.nothing_lost, judge.counts_balance, judge.sentences, judge.nothing_is_left, judge.dead_letters, judge.no_bug,
        judge.it_was_steered, judge.ranges_split,
    ):  # fmt: skip
        told.wrong += law()


def _idle(site: Site) -> tuple[bool, list[Wrong]]:
    """Rounds without anything to do until one needs no more than the one before; whether they came to rest, and what
    each of them needed more: connections vary by what meets, but what is leaked is leaked each time.
    """
    rested, more = True, list[Wrong]()
    for _ in range(IDLE_ROUNDS):
        before = {name: site.size(name) for name in FUNCTIONS}
        rested = rested and _round(site)
        more = grown(before, {name: site.size(name) for name in FUNCTIONS})
        if not more:
            break
    return rested, more


def _round(site: Site) -> bool:
    """A delta, a comparison, and a look which runs have ended; whether they came to rest."""
    for topic, message in (("list", {}), ("verify", {}), ("verify", {"close": True})):
        site.publish(topic, message)
        if not site.rest(REST_SECONDS):
            return False
    return True
