"""A list of what each function deploys, in CycloneDX 1.6: `python -m local.supply.sbom`, `make sbom`.

One file a function in build/sbom: the function with its version, every package of requirements.lock with the hashes of
its files, its licence and what it needs itself. cyclonedx-py reads both: the lock (hashes), and the environment that
was installed from a lock that holds the same versions (licences, dependencies). A list whose packages are not exactly
the lock's, or that CycloneDX's schema refuses, is not written: exit 1.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.supply.locks import FUNCTIONS, LOCKS, ROOT, Locked, read
from shared.version import VERSION

NAMES = ("lister", "transfer", "verifier")
OUT = ROOT / "build" / "sbom"

Bom = dict[str, Any]


class Wrong(Exception):
    """The list is not what is deployed; the text says how."""


def cyclonedx(*arguments: str) -> Bom:
    """What cyclonedx-py writes. It validates nothing: the list that is made of it is validated."""
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), *arguments]
    made = subprocess.run(
        [*command, "--no-validate", "--output-reproducible", "--spec-version", "1.6", "--output-format", "JSON"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise Wrong(f"{' '.join(command)} failed:\n{made.stderr[-2000:]}")
    bom: Bom = json.loads(made.stdout)
    return bom


def listed(function: str, of_lock: Bom, of_environment: Bom, asked: Mapping[str, str]) -> Bom:
    """The lock's packages, as the environment has them. asked: what the function itself imports, with versions."""
    hashes = {_identity(item): item["externalReferences"] for item in of_lock["components"]}
    components = [item for item in of_environment["components"] if _identity(item) in hashes]
    for item in components:
        item["externalReferences"] = [*hashes[_identity(item)], *item.get("externalReferences", [])]
    references = {item["bom-ref"]: _identity(item) for item in components}
    root = f"bucket-transfer-{function}"
    needs = [
        {**item, "dependsOn": sorted(set(item.get("dependsOn", [])) & set(references))}
        for item in of_environment["dependencies"]
        if item["ref"] in references
    ]
    direct = sorted(reference for reference, identity in references.items() if identity in asked.items())
    component = {"bom-ref": root, "name": root, "version": VERSION, "type": "application"}
    return {
        **{name: of_environment[name] for name in ("$schema", "bomFormat", "specVersion", "version")},
        "metadata": {**of_environment["metadata"], "component": component},
        "components": components,
        "dependencies": [*needs, {"ref": root, "dependsOn": direct}],
    }


def check(bom: Bom, locked: list[Locked]) -> None:
    """Wrong: other packages, versions or hashes than the lock's, or one that nothing leads to."""
    wanted = {(item.name, item.version): item.hashes for item in locked if item.installed}
    found = {_identity(item): _hashes(item) for item in bom["components"]}
    if len(bom["components"]) != len(found):
        raise Wrong("a package is listed twice")
    for name, version in sorted(wanted.keys() ^ found.keys()):
        where = "missing" if (name, version) in wanted else "listed and not locked"
        raise Wrong(f"{name} {version} is {where}")
    for identity, hashes in wanted.items():
        if found[identity] != hashes:
            raise Wrong(f"{identity[0]} {identity[1]} has other hashes than the lock's")
    leads = {item["ref"]: item.get("dependsOn", []) for item in bom["dependencies"]}
    reached, ways = set[str](), [bom["metadata"]["component"]["bom-ref"]]
    while ways:
        if (here := ways.pop()) not in reached:
            reached.add(here)
            ways += leads.get(here, [])
    for item in bom["components"]:
        if item["bom-ref"] not in reached:
            raise Wrong(f"nothing that is deployed needs {item['name']}")


def asked_for() -> dict[str, str]:
    """What requirements.txt names, in its versions."""
    lines = LOCKS["requirements"].with_suffix(".txt").read_text().splitlines()
    named = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(item.name): str(item.specifier).removeprefix("==") for item in named}


def validate(bom: Bom) -> None:
    """Wrong: CycloneDX's schema refuses it."""
    fault = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(json.dumps(bom))
    if fault is not None:
        raise Wrong(f"CycloneDX's schema refuses it: {str(fault)[:500]}")


def _identity(component: Mapping[str, Any]) -> tuple[str, str]:
    return canonicalize_name(component["name"]), component["version"]


def _hashes(component: Mapping[str, Any]) -> frozenset[str]:
    places = [place for place in component["externalReferences"] if place["type"] == "distribution"]
    return frozenset(mark["content"] for place in places for mark in place.get("hashes", []))


def main() -> int:
    """Write the files; exit status."""
    try:
        of_lock, asked, locked = cyclonedx("requirements", str(FUNCTIONS)), asked_for(), read(FUNCTIONS)
        OUT.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            bom = listed(name, of_lock, cyclonedx("environment", sys.executable), asked)
            check(bom, locked)
            validate(bom)
            path = OUT / f"{name}.cdx.json"
            path.write_text(json.dumps(bom, indent=1) + "\n")
            count = len(bom["components"])
            print(f"{path.relative_to(ROOT)}: {count} packages, those of requirements.lock")
    except Wrong as fault:
        print(f"no list was written: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
