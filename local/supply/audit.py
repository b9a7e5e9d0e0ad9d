"""Known vulnerabilities of all that is locked: `python -m local.supply.audit`, `make audit`.

pip-audit asks PyPI about each package, or a server of OSV's API (OSV_URL: a mirror, where PyPI is out of reach).
pip-audit by itself ends well where a package is not known to whom it asks, and a mirror of PyPI may serve files without
the advisories. So it is asked first about a release whose vulnerabilities have been published for years, and every
locked package must have been answered.

Exit status: 0 all were asked about, nothing is known; 1 something is known; 2 nobody knows, because the data could not
be had.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from local.supply.locks import LOCKS, read

CLEAN, KNOWN, UNKNOWN = 0, 1, 2
VULNERABLE = ("jinja2", "2.10")
"""CVE-2019-10906, published in April 2019. https://nvd.nist.gov/vuln/detail/CVE-2019-10906"""

PYPI = "https://pypi.org"
"""Whom pip-audit asks where no other is named, whatever index pip installs from."""

ELSEWHERE = "OSV_URL= names another server to ask (OSV's own is https://api.osv.dev/v1/query)"

Package = tuple[str, str]
Answers = Mapping[Package, Sequence[str] | None]
"""The advisories of each package; None where nothing was answered."""


def answers(report: Mapping[str, Any]) -> Answers:
    """What pip-audit's JSON says."""
    return {
        (canonicalize_name(item["name"]), item.get("version", "")): (
            [str(found["id"]) for found in item["vulns"]] if "vulns" in item else None
        )
        for item in report["dependencies"]
    }


def whom() -> str:
    """The server that is asked."""
    return os.environ.get("OSV_URL") or PYPI


def verdict(canary: Answers, locked: Answers, wanted: set[Package]) -> tuple[int, list[str]]:
    """Exit status, and the sentences that a person reads."""
    if not canary.get(VULNERABLE):
        name, version = VULNERABLE
        none = f"{whom()}, as it is seen from here, has no advisories, not even those of {name} {version} of 2019"
        return UNKNOWN, [f"not audited: {none}", ELSEWHERE]
    silent = sorted(package for package in wanted if locked.get(package) is None)
    known = sorted((package, found) for package, found in locked.items() if found)
    lines = [f"{name} {version}: {', '.join(found)}" for (name, version), found in known]
    lines += [f"not audited: nothing is said about {name} {version}" for name, version in silent]
    asked = f"{len(wanted) - len(silent)} of {len(wanted)} locked packages were asked about"
    lines.append(f"{asked}, {len(known) or 'none'} with known vulnerabilities")
    return KNOWN if known else UNKNOWN if silent or not wanted else CLEAN, lines


def asked(requirements: Sequence[Path], folder: Path) -> Answers:
    """What pip-audit is told about these. OSError: it was told nothing; the text is its own last line."""
    out = folder / "audit.json"
    out.unlink(missing_ok=True)
    url = os.environ.get("OSV_URL")
    server = ["--vulnerability-service", *(("osv", "--osv-url", url) if url else ("pypi",))]
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner", "off",
         "--cache-dir", str(folder / "cache"), "--format", "json", "--output", str(out), *server,
         *(part for path in requirements for part in ("--requirement", str(path)))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not out.exists() or not out.read_text():
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
        raise OSError(said[-1])
    return answers(json.loads(out.read_text()))


def audit() -> tuple[int, list[str]]:
    """Exit status and sentences."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = folder / "vulnerable.txt"
        known.write_text("{}=={}\n".format(*VULNERABLE))
        wanted, locked = set[Package](), dict[Package, Sequence[str] | None]()
        try:
            canary = asked([known], folder)
            for lock in LOCKS.values() if canary.get(VULNERABLE) else ():
                wanted |= {(item.name, item.version) for item in read(lock) if item.installed}
                locked.update(asked([lock], folder))
        except OSError as fault:
            return UNKNOWN, [f"not audited: {whom()} could not be asked", ELSEWHERE, f"pip-audit said: {fault}"]
    return verdict(canary, locked, wanted)


def main() -> int:
    """Print the sentences; exit status."""
    status, lines = audit()
    print("\n".join(lines), file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
