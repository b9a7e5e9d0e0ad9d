"""What a seed has drawn, as it happens: each act at its time, in a thread of its own where it takes long."""

import json
import random
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from local.emulators.loopback import HOST
from local.faults.fault import Kind
from tests.chaos.drawn import Act, Thing
from tests.chaos.person import Person
from tests.chaos.site import Site
from tests.chaos.source import Source

WIRE_SECONDS = 20.0
"""How long a wire is waited for that nobody uses yet."""

RACE_SECONDS = 3.0
"""How long the older of two versions is read, and it is waited for that it is begun."""

RACE_TRIES = 6


@dataclass(slots=True)
class Storm:
    """happened: how often each kind of act really happened. racing: the key whose versions race: nothing else changes it.
    waiting: acts on a wire that nobody used in their time.
    """

    site: Site
    source: Source
    person: Person
    happened: Counter[str] = field(default_factory=Counter)
    racing: str = ""
    waiting: list[Act] = field(default_factory=list)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"storm {self.site.drawn.seed}")

    def rage(self) -> None:
        """Let everything happen, until the last of it is over."""
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            under_way: list[Future[None]] = []
            if self.site.drawn.held:
                under_way.append(pool.submit(self.person.go_on))
            for act in self.site.drawn.acts:
                time.sleep(max(0.0, began + act.at - time.monotonic()))
                under_way.append(pool.submit(self._happen, act))
            for item in under_way:
                item.result()
        self._no_longer_late()

    def beside(self, work: Callable[[], bool]) -> bool:
        """What some work returns, beside which the acts happen that have waited for somebody to use their wire."""
        acts, self.waiting = self.waiting, []
        with ThreadPoolExecutor(8) as pool:
            under_way = [pool.submit(self._happen, act) for act in acts]
            done = work()
            for item in under_way:
                item.result()
        self._no_longer_late()
        return done

    def _no_longer_late(self) -> None:
        for name in ("firestore", "pubsub"):
            self.site.shared.faults.wire(name, "late", seconds=0)

    def planned(self) -> list[dict[str, Any]]:
        """The faults, at this seed's buckets."""
        names = {name: self.site.named(name) for name in ("source", "destination", "staging", "reports")}
        return [{**fault, "match": fault["match"].format(**names)} for fault in self.site.drawn.faults]

    def change(self, what: str) -> None:
        """Change an object of the source."""
        things = self.source.things.items()
        small = sorted(key for key, thing in things if thing.size < 1_000_000 and key != self.racing)
        key = self._chance.choice(small)
        match what:
            case "delete":
                self.source.delete(key)
            case "add":
                gone = sorted(key for key in self.source.history if key not in self.source.things)
                if gone and self._chance.random() < 0.5:
                    self.source.put(Thing(self._chance.choice(gone), self._chance.randrange(1, 50_000)))
                    return
                self.source.put(Thing(f"new/{len(self.source.history):04d}", self._chance.randrange(1, 50_000)))
            case _:
                thing = self.source.things[key]
                size = thing.size if self._chance.random() < 0.5 else self._chance.randrange(1, 100_000)
                self.source.put(replace(thing, size=size))

    def _happen(self, act: Act) -> None:
        match act.what:
            case "kill":
                self.site.kill(act.who)
            case "freeze":
                self.site.freeze(act.who, act.seconds)
            case "cut" | "stop" | "late":
                deadline = time.monotonic() + WIRE_SECONDS
                while not self.site.shared.faults.wire(act.who, act.what, seconds=act.seconds):
                    if time.monotonic() > deadline:
                        self.waiting.append(act)
                        return
                    time.sleep(0.05)
            case "down":
                secure = [f"{act.who}-tls"] if self.site.drawn.tls and act.who in ("s3", "gcs") else []
                for door in (act.who, *secure):
                    self.site.shared.faults.wire(door, "down", seconds=act.seconds)
                time.sleep(act.seconds)
            case "pause":
                self.person.pause(act.seconds)
            case "cancel":
                self.person.cancel()
            case "race":
                if not self.race(act.who == "large"):
                    return
            case change:
                self.change(change)
        self.happened[act.what] += 1

    def race(self, large: bool) -> bool:
        """Have a version be read slowly, and replace it meanwhile: whoever reads it must not put it over the newer one,
        nor leave anything behind. Whether that came about.
        """
        key = "parts/large"
        if not large:
            key = self._chance.choice(sorted(key for key in self.source.things if re.fullmatch(r"[ab]/\d/\d{4}", key)))
        self.racing = key
        thing = replace(self.source.things[key], size=self.source.things[key].size if large else 5_000)
        where = f"GET /{self.site.named('source')}/{key}*"
        fault = {"door": "s3", "match": where, "kind": Kind.STALL.value, "seconds": RACE_SECONDS}
        for tries in range(RACE_TRIES):
            self.source.put(replace(thing, size=thing.size + 2 * tries))
            self.site.shared.faults.plan([fault] if not tries else [])
            self.site.publish("list", {"prefix": key})
            deadline = time.monotonic() + RACE_SECONDS
            while time.monotonic() < deadline:
                if any(item.match == where and item.fired for item in self.site.shared.faults.told().faults):
                    self.source.put(replace(thing, size=thing.size + 2 * tries + 1))
                    self.site.publish("list", {"prefix": key})
                    return True
                time.sleep(0.05)
        return False

    def keep_old(self) -> None:
        """Have the edge serve an object as it was, and replace it."""
        thing = self.source.things[self._chance.choice(sorted(key for key in self.source.things if key[0] in "ab"))]
        self._edge("POST", "/_local/stale", {"key": thing.key})
        self._edge("GET", f"/{quote(thing.key)}")
        self.source.put(replace(thing, size=thing.size + self._chance.choice((0, 1))))

    def forget_old(self) -> None:
        """Have the edge serve what there is. It was the edge's fault if it has answered by what was."""
        told = json.loads(self._edge("GET", "/_local/bill"))
        self.happened["stale answer"] = int(told.get("cdn.stale_answers", 0))
        self._edge("DELETE", "/_local/stale")

    def _edge(self, method: str, path: str, body: dict[str, str] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{HOST}:{self.site.shared.edge}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())
