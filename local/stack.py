"""The whole stack as child processes: servers, provisioning, and the three functions in deployed shape."""

import json
import shutil
import ssl
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from local import google
from local.children import ROOT, Child, StackError, clean_environment
from local.choices import Flavour, cdn_auth
from local.deployed import FUNCTIONS, function_process
from local.emulators.certificate import self_signed, trusting
from local.emulators.edge import key_pair
from local.emulators.loopback import HOST
from local.names import (
    AWS_ACCOUNT,
    AWS_SECRET,
    CDN_SECRET,
    DEAD,
    DESTINATION,
    EVENTS,
    FIRST,
    LIST,
    PROJECT,
    REPORTS,
    SOURCE,
    STAGING,
    TRANSFER,
    VERIFY,
    secret_version,
)
from local.ports import Ports
from local.provisioning import event_queue, notify, provision
from shared.settings import CdnAuth

_WEB = ("s3", "edge", "gcs")
_METERED = ("s3", "edge", "gcs", "pubsub", "firestore")
GOOGLES = {"pubsub", "firestore"}


class Stack:
    """A context manager: everything runs inside, nothing is left behind after.

    settings: overrides of the functions' environment. schedule: seconds between ticks of list, verify and close (the
    look for runs that have ended), 0 for none. logs: where the children's output goes; a folder that is deleted at the
    end if None.
    functions: those that run; messages to the others wait. servers: further environment of the servers.
    events: whether S3's events go to a queue, and the lister follows them. bridged: whether by way of EventBridge.
    silent: S3 sends none until it is told to (`notify`).
    tls: whether S3, the edge and Cloud Storage speak HTTPS, with a certificate in the folder of the logs.
    instead: commands of others' servers, by the name of the server of ours in whose place each runs, on its port.
    """

    def __init__(
        self,
        flavour: Flavour = Flavour.EMBEDDED,
        ports: Ports | None = None,
        settings: Mapping[str, str] | None = None,
        schedule: tuple[float, float, float] = (0, 0, 0),
        logs: Path | None = None,
        functions: Iterable[str] = tuple(FUNCTIONS),
        servers: Mapping[str, str] | None = None,
        tls: bool = False,
        events: bool = False,
        bridged: bool = False,
        silent: bool = False,
        instead: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.flavour = flavour
        self._instead = dict(instead or {})
        self.foreign = self._instead.keys() | (GOOGLES if flavour is Flavour.GOOGLE else set())
        self.ports = ports or Ports()
        self._settings = dict(settings or {})
        self._auth = cdn_auth(self._settings.get("CDN_AUTH"))
        self._cdn_keys = key_pair.generate() if self._auth is CdnAuth.SIGNED_URL else None
        self._schedule = schedule
        self._functions = tuple(functions)
        self._servers = dict(servers or {})
        self._tls, self._events, self._bridged, self._silent = tls, events, bridged, silent
        self._own_logs = logs is None
        self.logs = logs or Path(tempfile.mkdtemp(prefix="local-stack-logs-"))
        self.children: dict[str, Child] = {}
        if tls:
            self.logs.mkdir(parents=True, exist_ok=True)
            certificate, key = self_signed(self.logs)
            self._servers |= {"TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key), **trusting(certificate)}

    @property
    def environment(self) -> dict[str, str]:
        """What any client of the stack needs to have in its environment."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url("s3"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": self._servers.get("S3_SECRET_KEY", "test"),
            "AWS_DEFAULT_REGION": "us-east-1",
            "CDN_URL": self.url("edge"),
            "STORAGE_EMULATOR_HOST": self.url("gcs"),
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{self.ports.pubsub}",
            "FIRESTORE_EMULATOR_HOST": f"{HOST}:{self.ports.firestore}",
            "SECRET_MANAGER_EMULATOR_HOST": f"{HOST}:{self.ports.secrets}",
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "SOURCE_BUCKET": SOURCE,
            "DESTINATION_BUCKET": DESTINATION,
            "STAGING_BUCKET": STAGING,
            "REPORT_BUCKET": REPORTS,
            "LIST_TOPIC": LIST,
            "TRANSFER_TOPIC": TRANSFER,
            "FIRST_TOPIC": FIRST,
            "VERIFY_TOPIC": VERIFY,
            "DEAD_LETTER_TOPIC": DEAD,
            **({} if "pubsub" in self.foreign else {"MONITORING_EMULATOR_HOST": self.url("pubsub")}),
            **self.trust,
        }

    @property
    def function_environment(self) -> dict[str, str]:
        """What a deployed function has: endpoints, settings, and no AWS keys but by way of the secret."""
        shared = {k: v for k, v in self.environment.items() if not k.startswith("AWS_") or k == "AWS_ENDPOINT_URL_S3"}
        own = {
            "AWS_CREDENTIALS_SECRET": secret_version(AWS_SECRET),
            "LEASE_SECONDS": "5",
            "VERIFY_AFTER": "never",
            "HEARTBEAT_SECONDS": "1",
        }
        if self._cdn_keys is not None:
            own |= {"CDN_KEY_PAIR_ID": key_pair.KEY_PAIR_ID, "CDN_PRIVATE_KEY_SECRET": secret_version(CDN_SECRET)}
        if self._events:
            own["EVENTS_QUEUE_URL"] = f"{self.url('sqs')}/{AWS_ACCOUNT}/{EVENTS}"
        return {**shared, **own, **self._settings}

    @property
    def edge_environment(self) -> dict[str, str]:
        """How the edge asks who may read."""
        if self._cdn_keys is None:
            return {"EDGE_AUTH": self._auth}
        return {
            "EDGE_AUTH": self._auth,
            "EDGE_KEY_PAIR_ID": key_pair.KEY_PAIR_ID,
            "EDGE_PUBLIC_KEY": self._cdn_keys[1],
        }

    @property
    def trust(self) -> dict[str, str]:
        """What a client needs in its environment to believe the servers' certificate."""
        return trusting(Path(self._servers["TLS_CERTIFICATE"])) if self._tls else {}

    @property
    def secrets(self) -> dict[str, str]:
        """What Secret Manager is to hold: the values, by the secrets' short names."""
        environment = self.environment
        keys = {
            "access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        }
        held = {AWS_SECRET: json.dumps(keys)}
        if self._cdn_keys is not None:
            held[CDN_SECRET] = self._cdn_keys[0]
        return held

    def url(self, server: str) -> str:
        secure = self._tls and server in _WEB
        return f"http{'s' if secure else ''}://{HOST}:{getattr(self.ports, server)}"

    def __enter__(self) -> Self:
        try:
            self._start_servers()
            provision(self.environment, self.secrets, {name: f"{self.url(name)}/" for name in FUNCTIONS})
            if self._events:
                event_queue(self.url("sqs"))
            if self._events and not self._silent:
                self.notify()
            self._start_functions()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start_servers(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        names = ("LIST_SECONDS", "VERIFY_SECONDS", "CLOSE_SECONDS")
        more = {name: str(seconds) for name, seconds in zip(names, self._schedule, strict=True)}
        more |= self.edge_environment
        more["EVENT_QUEUES"] = self.url("sqs") if self._events else ""
        for name in ("s3", "edge", "gcs", "pubsub", "firestore", "secrets", "scheduler"):
            port = getattr(self.ports, name)
            command = [sys.executable, "-m", "local.emulators", name, "--port", str(port)]
            if name == "edge":
                command += ["--origin", f"{self.url('s3')}/{SOURCE}"]
            if name == "firestore":
                command += ["--indexes", str(ROOT / "terraform" / "firestore.indexes.json")]
            if self.flavour is Flavour.GOOGLE and name in GOOGLES:
                command = getattr(google, name)(port)
            command = list(self._instead.get(name, command))
            environment = clean_environment({**self.environment, **more, **self._servers})
            self.children[name] = Child(name, command, environment, port, self.logs / f"{name}.log")
        if self._events:
            command = [sys.executable, "-m", "local.queues", "--port", str(self.ports.sqs)]
            environment, log = clean_environment({}), self.logs / "sqs.log"
            self.children["sqs"] = Child("sqs", command, environment, self.ports.sqs, log)
        self._start(list(self.children.values()))

    def _start_functions(self) -> None:
        started = []
        for name in self._functions:
            child = function_process(name, getattr(self.ports, name), self.function_environment, self.logs)
            self.children[name] = child
            started.append(child)
        self._start(started)

    def _start(self, children: list[Child]) -> None:
        for child in children:
            child.start()
        for child in children:
            child.wait_ready()

    def _stop(self) -> None:
        """The functions first: they still need the servers."""
        functions = [child for name, child in self.children.items() if name in self._functions]
        for side_by_side in (functions, [child for child in self.children.values() if child not in functions]):
            for child in side_by_side:
                child.ask_to_end()
            for child in side_by_side:
                child.see_it_end()
        if self._own_logs:
            shutil.rmtree(self.logs, ignore_errors=True)

    def notify(self) -> None:
        """Have S3 send its events from now on."""
        notify(self.environment, self.url("sqs"), self._bridged)

    def dead(self) -> list[str]:
        """The names of children that ended by themselves."""
        return [name for name, child in self.children.items() if not child.alive]

    def bill(self) -> dict[str, int]:
        """Billed operations of all servers so far; those of others do not count theirs."""
        total: dict[str, int] = {}
        for name in _METERED:
            if name not in self.foreign:
                total.update(self.get(name, "/_local/bill"))
        return total

    def backlog(self) -> dict[str, int] | None:
        """Unacknowledged messages by subscription; None where Pub/Sub does not tell."""
        if "pubsub" in self.foreign:
            return None
        found: dict[str, int] = self.get("pubsub", "/_local/backlog")
        return {name.rpartition("/")[2]: count for name, count in found.items()}

    def tick(self, job: str) -> str:
        """Have the scheduler publish now; the id of the message."""
        return str(self.post("scheduler", f"/v1/jobs/{job}:run", {})["messageId"])

    def fault(self, server: str, **fault: object) -> None:
        """Script a fault: see `local.emulators.instruments.Fault`."""
        self.post(server, "/_local/faults", fault)

    def _context(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self._servers["TLS_CERTIFICATE"]) if self._tls else None

    def get(self, server: str, path: str) -> dict[str, int]:
        with urllib.request.urlopen(self.url(server) + path, timeout=30, context=self._context()) as answer:
            return dict(json.load(answer))

    def clear(self, server: str, path: str) -> None:
        """DELETE something of a server's."""
        request = urllib.request.Request(self.url(server) + path, method="DELETE")
        with urllib.request.urlopen(request, timeout=60, context=self._context()) as answer:
            answer.read()

    def post(self, server: str, path: str, body: Mapping[str, object]) -> dict[str, object]:
        request = urllib.request.Request(self.url(server) + path, data=json.dumps(body).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=300, context=self._context()) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise StackError(f"{server} {path}: {error.read().decode(errors='replace')}") from None
