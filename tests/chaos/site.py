"""What a seed has of its own on the stack that it shares with others: buckets, topics, functions, an edge."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from google.api_core.exceptions import NotFound
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import RetryPolicy

from benchmarks.processes import of_group
from local.children import ROOT, Child, clean_environment
from local.clients import S3Client, gcs_client
from local.deployed import FUNCTIONS, function_process
from local.emulators.loopback import PortTaken, check_free
from local.faults.client import Faults
from local.names import FIRST, PROJECT
from local.provisioning import push
from local.stack import Stack
from tests.chaos.drawn import Drawn

RETRIES = RetryPolicy(minimum_backoff=Duration(nanos=500_000_000), maximum_backoff=Duration(seconds=5))
SKEW = ROOT / "local" / "faults" / "skew"


@dataclass(frozen=True, slots=True)
class Shared:
    """What all seeds share. edge: the port of each seed's own edge. trust: what a client needs in its environment to
    believe the proxy's certificate.
    """

    stack: Stack
    faults: Faults
    edge: int
    publisher: PublisherClient
    subscriber: SubscriberClient
    s3: S3Client
    trust: dict[str, str]


@dataclass(slots=True)
class Site:
    """A seed's names, and its processes while it runs. turn: which of its stack's seeds it is. tree: the source tree
    that functions run from. sent: the messages that start runs, by their ids, with when.
    """

    drawn: Drawn
    shared: Shared
    logs: Path
    turn: int
    tree: Path = ROOT
    children: dict[str, Child] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    _busy: dict[str, threading.Lock] = field(default_factory=dict)

    def named(self, what: str) -> str:
        return f"{what}-{self.drawn.seed}-{self.turn}"

    @property
    def job(self) -> str:
        return self.named("chaos")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Everything is made and started, and taken away again."""
        self._make()
        try:
            self._start()
            yield
        finally:
            for child in self.children.values():
                child.kill()
            for child in self.children.values():
                self._see_it_gone(child)
            self._take_away()

    def publish(self, topic: str, message: Mapping[str, object]) -> str:
        """Send a message, and remember when; its id."""
        path = self.shared.publisher.topic_path(PROJECT, self.named(topic))
        sent = time.time()
        identity = str(self.shared.publisher.publish(path, json.dumps(message).encode()).result(timeout=60))
        self.sent[identity] = sent
        return identity

    def backlog(self) -> dict[str, int]:
        """Messages of this seed by function, and how many ended as dead letters."""
        found = self.shared.stack.backlog() or {}
        return {name: found.get(self.named(name), 0) for name in (*FUNCTIONS, FIRST, "dead")}

    def rest(self, seconds: float) -> bool:
        """Whether everything comes to rest in time: no message waits, and nothing is on its way."""
        deadline, quiet = time.monotonic() + seconds, 0
        while quiet < 3:
            if time.monotonic() > deadline:
                return False
            waiting = any(count for name, count in self.backlog().items() if name != "dead")
            under_way = {door for door in self.shared.faults.told().under_way if door.startswith("push-")}
            quiet = 0 if waiting or under_way else quiet + 1
            time.sleep(0.1)
        return True

    def kill(self, name: str) -> None:
        """End a process at once, and start it again."""
        with self._lock(name):
            child = self.children[name]
            if not child.alive:
                self.ended.append(name)
            child.kill()
            self._see_it_gone(child)
            child.start()
            child.wait_ready()

    def freeze(self, name: str, seconds: float) -> None:
        """Have a process stand still for a while, with all its connections open."""
        with self._lock(name):
            child = self.children.get(name) or self.shared.stack.children[name]
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGSTOP)
            try:
                time.sleep(seconds)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGCONT)

    def size(self, name: str) -> tuple[int, int, int]:
        """A function's peak memory in bytes, its open sockets, its threads."""
        sockets = threads = 0
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(stat[2]) == self.children[name].pid:
                    threads += int(stat[17])
                    sockets += sum(os.readlink(item).startswith("socket:") for item in (folder / "fd").iterdir())
        return of_group(self.children[name].pid).peak_bytes, sockets, threads

    def _see_it_gone(self, child: Child) -> None:
        """A process that was killed holds its port until the kernel has taken it away."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                check_free(child.name, child.port)
                return
            except PortTaken:
                time.sleep(0.02)

    def _lock(self, name: str) -> threading.Lock:
        return self._busy.setdefault(name, threading.Lock())

    def _make(self) -> None:
        shared = self.shared
        shared.s3.create_bucket(Bucket=self.named("source"))
        if self.drawn.page_keys is not None:
            shared.stack.post("s3", "/_local/pages", {"bucket": self.named("source"), "keys": self.drawn.page_keys})
        gcs = gcs_client(shared.stack.environment)
        for bucket in ("destination", "staging", "reports"):
            gcs.create_bucket(self.named(bucket))
        publisher, subscriber = shared.publisher, shared.subscriber
        for topic in (*FUNCTIONS.values(), FIRST, "dead"):
            publisher.create_topic(name=publisher.topic_path(PROJECT, self.named(topic)))
        dead = publisher.topic_path(PROJECT, self.named("dead"))
        subscriber.create_subscription(name=subscriber.subscription_path(PROJECT, self.named("dead")), topic=dead)
        pushed = [(function, topic, function) for function, topic in FUNCTIONS.items()]
        for function, topic, name in [*pushed, ("transfer", FIRST, FIRST)]:
            path = publisher.topic_path(PROJECT, self.named(topic))
            door = f"http://{shared.faults.address(f'push-{function}')}/"
            push(subscriber, self.named(name), path, door, dead, RETRIES)

    def _take_away(self) -> None:
        publisher, subscriber, stack = self.shared.publisher, self.shared.subscriber, self.shared.stack
        for name in (*FUNCTIONS, FIRST, "dead"):
            with suppress(NotFound):
                subscriber.delete_subscription(
                    subscription=subscriber.subscription_path(PROJECT, self.named(name)), timeout=60
                )
        for topic in (*FUNCTIONS.values(), FIRST, "dead"):
            with suppress(NotFound):
                publisher.delete_topic(topic=publisher.topic_path(PROJECT, self.named(topic)), timeout=60)
        for bucket in ("destination", "staging", "reports"):
            stack.clear("gcs", f"/_local/objects/{self.named(bucket)}")

    def _start(self) -> None:
        shared, environment = self.shared, self.environment
        command = [sys.executable, "-m", "local.emulators", "edge", "--port", str(shared.edge)]
        command += ["--origin", f"{environment['AWS_ENDPOINT_URL_S3']}/{self.named('source')}"]
        own = {**shared.stack.environment, **shared.trust, **shared.stack.edge_environment, **self.drawn.edge_settings}
        own["EDGE_AUTH"] = self.drawn.edge or "public"
        if self.drawn.edge is not None:
            self.children["edge"] = Child("edge", command, clean_environment(own), shared.edge, self.logs / "edge.log")
        for name in FUNCTIONS:
            more = {"PYTHONPATH": str(self.tree)}
            if name in self.drawn.skew:
                more = {"CLOCK_SKEW_SECONDS": str(self.drawn.skew[name]), "PYTHONPATH": f"{SKEW}:{self.tree}"}
            port = getattr(shared.stack.ports, name)
            self.children[name] = function_process(name, port, {**environment, **more}, self.logs, self.tree)
        for child in self.children.values():
            child.start()
        for child in self.children.values():
            child.wait_ready()

    @property
    def environment(self) -> dict[str, str]:
        """Of its functions."""
        faults = self.shared.faults

        def url(door: str) -> str:
            return f"https://{faults.address(f'{door}-tls')}" if self.drawn.tls else f"http://{faults.address(door)}"

        return {
            **self.shared.stack.function_environment,
            **self.shared.trust,
            "AWS_ENDPOINT_URL_S3": url("s3"),
            "CDN_URL": url("edge"),
            "STORAGE_EMULATOR_HOST": url("gcs"),
            "PUBSUB_EMULATOR_HOST": faults.address("pubsub"),
            "FIRESTORE_EMULATOR_HOST": faults.address("firestore"),
            "JOB": self.job,
            "SOURCE_BUCKET": self.named("source"),
            "DESTINATION_BUCKET": self.named("destination"),
            "STAGING_BUCKET": self.named("staging"),
            "REPORT_BUCKET": self.named("reports"),
            "LIST_TOPIC": self.named("list"),
            "TRANSFER_TOPIC": self.named("transfer"),
            "FIRST_TOPIC": self.named(FIRST),
            "VERIFY_TOPIC": self.named("verify"),
            "DEAD_LETTER_TOPIC": self.named("dead"),
            **self.drawn.settings,
        }
