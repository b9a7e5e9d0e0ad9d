"""What is installed is what was locked; lists and audits of it cannot be right by looking at nothing."""

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import requires
from pathlib import Path
from threading import Thread

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.supply import audit, sbom
from local.supply.locks import FUNCTIONS, LOCKS, ROOT, read
from shared.version import VERSION


def asked(name: str) -> dict[str, Requirement]:
    """What a file asks for, with those that it includes."""
    found: dict[str, Requirement] = {}
    for line in (ROOT / f"{name}.txt").read_text().splitlines():
        if line.startswith("-r "):
            found |= asked(line.removeprefix("-r ").removesuffix(".txt"))
        elif not line.startswith("#"):
            requirement = Requirement(line)
            found[canonicalize_name(requirement.name)] = requirement
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_what_its_file_asks_for(name: str) -> None:
    locked = {item.name: item for item in read(LOCKS[name]) if item.installed}
    wanted = asked(name)
    assert wanted
    for package, requirement in wanted.items():
        assert str(requirement.specifier) == f"=={locked[package].version}", "make lock"
    assert all(item.hashes for item in locked.values())


@pytest.mark.parametrize("name", ["requirements", "requirements-local", "requirements-dev"])
def test_a_lock_has_all_that_is_brought(name: str) -> None:
    """pip asks for a hash of everything as soon as one line has one, so a lock that misses a package installs nothing."""
    locked = {item.name for item in read(LOCKS[name]) if item.installed}
    wanted = [(package, extra) for package, it in asked(name).items() for extra in ["", *it.extras]]
    seen = set[tuple[str, str]]()
    while wanted:
        package, extra = wanted.pop()
        if (package, extra) in seen:
            continue
        assert package in locked, f"{package} is installed with what is asked for, and not locked"
        seen.add((package, extra))
        for line in requires(package) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                wanted += [(canonicalize_name(needed.name), more) for more in ["", *needed.extras]]
    assert name != "requirements" or {"gunicorn", "protobuf", "urllib3"} <= {package for package, _ in seen}
    assert name != "requirements" or {package for package, _ in seen} == locked, "more is installed than is asked for"


def test_tests_run_what_is_deployed() -> None:
    """The same version wherever a package is in two locks, with the same files."""
    deployed = {item.name: item for item in read(FUNCTIONS)}
    for name in ("requirements-local", "requirements-dev"):
        others = {item.name: item for item in read(LOCKS[name])}
        assert {package: others[package] for package in deployed} == deployed
    local, dev, bench = (
        {i.name: i.version for i in read(LOCKS[f"requirements-{n}"])} for n in ("local", "dev", "bench")
    )
    assert local.items() <= dev.items()
    assert {package: dev[package] for package in bench.keys() & dev.keys()}.items() <= bench.items()


def test_nothing_is_installed_but_locks() -> None:
    text = (ROOT / "Makefile").read_text()
    installs = [line for line in text.splitlines() if "$(INSTALL)" in line or "pip install" in line]
    assert len(installs) == len(LOCKS)  # four, and the definition
    assert installs[0].startswith("INSTALL := ")
    assert "--require-hashes" in installs[0]
    used = [re.search(r"\$\(INSTALL\) -r (requirements-\w+\.lock)$", line) for line in installs[1:]]
    assert {found[1] for found in used if found} == {path.name for path in LOCKS.values()} - {"requirements.lock"}


@pytest.mark.parametrize(
    "line",
    ["flask==3.1.3", "flask>=3.1 --hash=sha256:" + "0" * 64, "flask==3.1.3 --hash=md5:" + "0" * 32, "-r other.txt"],
)
def test_a_line_that_is_not_held_to_files_is_no_entry(line: str, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match="no package that is pinned"):
        read(path)


@pytest.fixture(scope="module")
def transfer() -> sbom.Bom:
    of_lock, of_environment = (
        sbom.cyclonedx("requirements", str(FUNCTIONS)),
        sbom.cyclonedx("environment", sys.executable),
    )
    return sbom.listed("transfer", of_lock, of_environment, sbom.asked_for())


def test_the_list_of_a_function_is_its_lock(transfer: sbom.Bom) -> None:
    sbom.check(transfer, read(FUNCTIONS))
    sbom.validate(transfer)
    names = {canonicalize_name(item["name"]) for item in transfer["components"]}
    assert names == {item.name for item in read(FUNCTIONS) if item.installed}
    assert not names & {"pytest", "moto", "typer"}
    root = transfer["metadata"]["component"]
    assert (root["name"], root["version"]) == ("bucket-transfer-transfer", VERSION)
    licensed = [item for item in transfer["components"] if item.get("licenses")]
    assert len(licensed) > len(names) * 0.9


def _without(bom: sbom.Bom) -> None:
    bom["components"].pop()


def _another_version(bom: sbom.Bom) -> None:
    bom["components"][3]["version"] += ".1"


def _one_more(bom: sbom.Bom) -> None:
    bom["components"].append({**bom["components"][0], "name": "left-pad"})


def _twice(bom: sbom.Bom) -> None:
    bom["components"].append(bom["components"][0])


def _another_hash(bom: sbom.Bom) -> None:
    bom["components"][5]["externalReferences"][0]["hashes"].pop()


def _unneeded(bom: sbom.Bom) -> None:
    bom["dependencies"][-1]["dependsOn"] = []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without, "is missing"),
        (_another_version, "is listed and not locked|is missing"),
        (_one_more, "left-pad .* is listed and not locked"),
        (_twice, "listed twice"),
        (_another_hash, "other hashes"),
        (_unneeded, "nothing that is deployed needs"),
    ],
)
def test_another_list_is_refused(transfer: sbom.Bom, change: Callable[[sbom.Bom], None], said: str) -> None:
    bom = copy.deepcopy(transfer)
    change(bom)
    with pytest.raises(sbom.Wrong, match=said):
        sbom.check(bom, read(FUNCTIONS))


def test_a_list_that_is_no_cyclonedx_is_refused(transfer: sbom.Bom) -> None:
    with pytest.raises(sbom.Wrong, match="schema refuses"):
        sbom.validate({**transfer, "components": [{"name": "flask"}]})


A, B = ("a", "1"), ("b", "2")
KNOWN: audit.Answers = {audit.VULNERABLE: ["CVE-2019-10906"]}


@pytest.mark.parametrize(
    ("canary", "locked", "status", "said"),
    [
        (KNOWN, {A: [], B: []}, 0, "2 of 2 locked packages were asked about, none with known vulnerabilities"),
        (KNOWN, {A: [], B: ["PYSEC-1"]}, 1, "b 2: PYSEC-1"),
        (KNOWN, {A: [], B: None}, 2, "not audited: nothing is said about b 2"),
        (KNOWN, {A: []}, 2, "not audited: nothing is said about b 2"),
        (KNOWN, {A: ["PYSEC-2"], B: None}, 1, "not audited: nothing is said about b 2"),
        ({audit.VULNERABLE: []}, {A: [], B: []}, 2, "has no advisories"),
        ({audit.VULNERABLE: None}, {A: [], B: []}, 2, "has no advisories"),
        ({}, {A: [], B: []}, 2, "has no advisories"),
    ],
)
def test_an_audit_is_clean_only_of_what_was_answered(
    canary: audit.Answers, locked: audit.Answers, status: int, said: str
) -> None:
    found, lines = audit.verdict(canary, locked, {A, B})
    assert found == status
    assert said in "\n".join(lines)


@contextmanager
def osv(vulnerable: set[str], requests: list[str]) -> Iterator[str]:
    """A server of OSV's API (https://google.github.io/osv.dev/post-v1-query/) that has an advisory for these."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = body["package"]["name"]
            requests.append(name)
            found = (
                {"vulns": [{"id": "OSV-1", "affected": [{"package": body["package"]}]}]} if name in vulnerable else {}
            )
            answer = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_audit(**environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-m", "local.supply.audit"]
    return subprocess.run(command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=False)


def test_every_locked_package_is_asked_about() -> None:
    requests: list[str] = []
    with osv({audit.VULNERABLE[0]}, requests) as url:
        done = run_audit(OSV_URL=url)
    locked = {item.name for lock in LOCKS.values() for item in read(lock) if item.installed}
    assert {canonicalize_name(name) for name in requests} >= locked
    # jinja2 is what is asked first, and is locked, too: this server calls each of its versions vulnerable
    assert done.returncode == 1, done.stderr
    assert re.search(r"^jinja2 3\S+: OSV-1$", done.stderr, re.MULTILINE)
    counts = re.search(r"^(\d+) of (\d+) locked packages were asked about, 1 with", done.stderr, re.MULTILINE)
    assert counts is not None
    assert int(counts[1]) == int(counts[2]) >= len(locked)


def test_a_server_without_advisories_has_audited_nothing() -> None:
    with osv(set(), []) as url:
        done = run_audit(OSV_URL=url)
    assert done.returncode == 2
    assert f"not audited: {url}, as it is seen from here, has no advisories" in done.stderr
    assert "OSV_URL= names another server" in done.stderr


@pytest.mark.parametrize(
    ("environment", "whom"),
    [
        ({"OSV_URL": "http://127.0.0.1:9/"}, "http://127.0.0.1:9/"),
        ({"OSV_URL": "", "HTTPS_PROXY": "http://127.0.0.1:9"}, audit.PYPI),
    ],
)
def test_an_audit_without_its_data_is_none_and_says_who_could_not_be_asked(
    environment: dict[str, str], whom: str
) -> None:
    done = run_audit(**environment)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == f"not audited: {whom} could not be asked"
    assert "OSV_URL= names another server" in done.stderr
    assert not done.stdout
