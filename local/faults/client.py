"""The proxy as a test holds it: its process, its doors, its plan."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.children import Child, StackError, clean_environment
from local.emulators.loopback import HOST, free_port
from local.faults.fault import Fault, Kind


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a plan. under_way: requests by door that have not ended."""

    faults: list[Fault]
    under_way: dict[str, int]
    passed: dict[str, int]

    @property
    def never(self) -> list[Fault]:
        """What was planned and never happened: a test that planned it has tested something else."""
        return [fault for fault in self.faults if not fault.fired]


@dataclass(slots=True)
class Faults:
    """A context manager. http, grpc: the ports that doors lead to, by the doors' names. logs: where its output goes.
    certificate: the files of a certificate and its key; with them each HTTP door has another one, NAME-tls, that speaks
    HTTPS.
    """

    http: Mapping[str, int]
    grpc: Mapping[str, int]
    logs: Path
    certificate: tuple[Path, Path] | None = None
    ports: dict[str, int] = field(default_factory=dict)
    _control: int = field(default_factory=free_port)
    _child: Child | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "local.faults", "--control", str(self._control)]
        secure = {}
        if self.certificate is not None:
            secure = {f"{name}-tls": target for name, target in self.http.items()}
            command += ["--certificate", str(self.certificate[0]), "--key", str(self.certificate[1])]
        for spoken, doors in (("http", self.http), ("https", secure), ("grpc", self.grpc)):
            for name, target in doors.items():
                self.ports[name] = free_port()
                command += ["--door", f"{name}:{spoken}:{self.ports[name]}:{target}"]
        self._child = Child("faults", command, clean_environment({}), self._control, self.logs / "faults.log")
        self._child.start()
        try:
            self._child.wait_ready()
        except StackError:
            self._child.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.stop()

    def address(self, door: str) -> str:
        """host:port."""
        return f"{HOST}:{self.ports[door]}"

    def plan(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Raises StackError if one of them is no fault."""
        self._ask("POST", "/faults", list(faults))

    def told(self) -> Told:
        return _told(self._ask("GET", "/faults"))

    def calm(self) -> Told:
        """Nothing goes wrong from now on; what became of the plan."""
        return _told(self._ask("DELETE", "/faults"))

    def wire(self, door: str, do: str, **more: float) -> int:
        """Disturb a door's connections: how many it happens to."""
        return int(self._ask("POST", "/wire", {"door": door, "do": do, **more})["connections"])

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{HOST}:{self._control}{path}", data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise StackError(f"faults {path}: {error.read().decode(errors='replace')}") from None


def _told(found: Mapping[str, Any]) -> Told:
    faults = [Fault(**{**item, "kind": Kind(item["kind"])}) for item in found["faults"]]
    return Told(faults, dict(found["under_way"]), dict(found["passed"]))
