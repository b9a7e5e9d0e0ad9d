"""The main job on a pair: a first run, an idle one, a delta, a comparison, a repair; judged by the servers themselves."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from google.cloud.storage import Client

from local import runs
from local.clients import S3Client, gcs_client, s3_client
from local.names import DESTINATION, SOURCE
from local.ports import Ports
from local.sample import MIB
from local.stack import Stack
from shared.ports.run_store import RunRecord, RunSummary
from tests.foreign import judge, loop, servers
from tests.foreign.bucket import PHOTOS, SERVERS_OWN, body, fill, listed, photo, put, unheld
from tests.foreign.pairs import Pair
from tests.shapes import TOO_LONG

RUN_SECONDS = 120.0
END_SECONDS = 60.0
CHANGED = range(8)
ADDED = range(PHOTOS, PHOTOS + 5)
DELETED, DAMAGED, CUT, LOST = (photo(PHOTOS - number) for number in range(1, 5))
IN_PARTS = {"LARGE_BYTES": str(16 * MIB), "PART_BYTES": str(5 * MIB)}
SETTINGS = {
    "UNSUPPORTED_NAMES": "encode",
    "STORAGE_CLASS_MAP": "GLACIER_IR=COLDLINE,STANDARD_IA=NEARLINE",
    "KEYS_PER_MESSAGE": "25",
}


@dataclass(slots=True)
class Told:
    """wrong: what must not be. differs: what the servers cannot do, by their own clients. facts: what was counted."""

    pair: str
    versions: str
    read: int = 0
    wrong: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)


@contextmanager
def running(pair: Pair, folder: Path) -> Iterator["Job"]:
    """The job on the pair's servers, which run meanwhile. folder: for their files and logs. Raises Missing where one of
    them is not on this machine.
    """
    told, ports, instead = Told(pair.name, pair.versions()), Ports(), {}
    for server in pair.others:
        own = folder / server.place
        own.mkdir()
        instead[server.place] = server.command(servers.Place(ports, own, pair.edge == "public"))
    settings = {**SETTINGS, **({} if pair.whole else IN_PARTS), **pair.settings}
    stack = Stack(ports=ports, settings=settings, logs=folder / "logs", instead=instead)
    with stack, mock.patch.dict(os.environ, stack.environment):
        yield Job(pair, stack, told, folder)


class Job:
    def __init__(self, pair: Pair, stack: Stack, told: Told, folder: Path) -> None:
        self.told = told
        self.stack, self._pair, self._folder = stack, pair, folder
        self._s3: S3Client = s3_client(stack.environment)
        self._gcs: Client = gcs_client(stack.environment)
        self._dropped: set[str] = set()

    def play(self) -> None:
        self._load()
        first = self._run("list", "first run")
        held = len(listed(self._s3))
        cannot = sum(key in TOO_LONG for key in listed(self._s3))
        self._expect("first run", first.outcomes.keys, {"copied": held - cannot, "unsupported": cannot})
        self.told.facts.append("proofs " + ", ".join(f"{kind} {count}" for kind, count in self._proofs().most_common()))
        idle = self._run("list", "idle run")
        self._expect("idle run", idle.outcomes.keys, {"unchanged": held - cannot, "unsupported": cannot})
        self._change()
        delta = self._run("list", "delta")
        self._expect("delta", {"copied": delta.outcomes.keys.get("copied", 0)}, {"copied": len(CHANGED) + len(ADDED)})
        held += len(ADDED) - 1
        whole = {"same": held - cannot, "unsupported": cannot, "extra": 1}
        self._expect("comparison", self._run("verify", "comparison").verdicts.keys, whole)
        self._plant()
        repair = self._run("verify", "repair")
        found = {"missing": 1, "size_differs": 1, "checksum_differs": 1}
        self._expect("what was planted", repair.verdicts.keys, {**whole, "same": held - cannot - 3, **found})
        self._expect("last comparison", self._run("verify", "last comparison").verdicts.keys, whole)

    def _load(self) -> None:
        names, self._dropped = unheld(self._gcs)
        if self._pair.edge == "public":
            self._let_anybody_read()
        refused, untold = fill(self._s3, names)
        if refused:
            self.told.differs.append(f"the source cannot hold {_named(refused)}")
        if names:
            self.told.differs.append(f"Cloud Storage cannot hold {_named(names)}")
        if self._pair.whole:
            self.told.differs.append(self._pair.whole)
        if untold:
            self.told.differs.append("a HEAD of a part of a multipart upload is not that of its object: none is left")
        if self._dropped:
            self.told.differs.append(f"Cloud Storage does not keep {', '.join(sorted(self._dropped))}")

    def _let_anybody_read(self) -> None:
        """Where S3 asks who is there: https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html"""
        if servers.MOTO not in self._pair.others:
            return
        allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{SOURCE}/*"}
        policy = {"Version": "2012-10-17", "Statement": [allow]}
        self._s3.put_bucket_policy(Bucket=SOURCE, Policy=json.dumps(policy))

    def _run(self, topic: str, what: str) -> RunSummary:
        began = time.monotonic()
        run = loop.run(runs.wait(self.stack, self.stack.tick(topic), RUN_SECONDS))
        summary = loop.run(runs.summary(run))
        self.told.facts.append(f"{what} {time.monotonic() - began:.1f} s")
        return summary

    def _expect(self, what: str, found: dict[str, int], wanted: dict[str, int]) -> None:
        counted, meant = Counter(found), Counter(wanted)
        if +counted != +meant:
            self.told.wrong.append(f"{what}: {dict(+counted)}, and it should be {dict(+meant)}")

    def _change(self) -> None:
        """Same sizes, other bytes: only the ETag tells."""
        keys = [photo(number) for number in CHANGED] + [photo(number) for number in ADDED]
        put(self._s3, {key: {"Body": body(key, 3000 + number, 1)} for number, key in enumerate(keys)})
        self._s3.delete_object(Bucket=SOURCE, Key=DELETED)

    def _plant(self) -> None:
        bucket = self._gcs.bucket(DESTINATION)
        for name, change in ((DAMAGED, _flipped), (CUT, lambda content: content[:100])):
            old = bucket.get_blob(name)
            fresh = bucket.blob(name)
            fresh.metadata = {name: text for name, text in old.metadata.items() if not name.startswith(SERVERS_OWN)}
            fresh.upload_from_string(change(old.download_as_bytes()), content_type=old.content_type)
        bucket.blob(LOST).delete()

    def judge(self) -> None:
        """Put what is wrong now, by the servers themselves, into `told`."""
        told, records = self.told, self._ended()
        found, wrong = judge.bytes_agree(self._s3, self._gcs, {DELETED})
        told.wrong += wrong + judge.headers_agree(self._s3, self._gcs, self._dropped)
        told.wrong += judge.runs_balance(records) + judge.nothing_is_left(self._gcs, self._folder / "logs")
        told.read = found.read
        if servers.NGINX in self._pair.others:
            told.facts.append(self._edge())

    def _proofs(self) -> Counter[str]:
        """How many copies of the only run so far got which kind of proof."""
        (record,) = judge.records()
        return loop.run(runs.proofs(record.run.name))

    def _ended(self) -> list[RunRecord]:
        """Have the ends of all runs seen, and those that follow from them; their records, oldest first."""
        deadline, found = time.monotonic() + END_SECONDS, judge.records()
        while time.monotonic() < deadline:
            self.stack.tick("close")
            time.sleep(1)
            before, found = found, judge.records()
            if len(found) == len(before) and not judge.runs_balance(found) and self._reported(found):
                return found
        self.told.wrong.append("not every run has ended and been reported")
        return found

    def _reported(self, found: list[RunRecord]) -> bool:
        try:
            return all(judge.sentence(self._gcs, record.run.name)[1] for record in found)
        except LookupError:
            return False

    def _edge(self) -> str:
        """What nginx has written of its answers."""
        lines = Counter((self._folder / "edge" / "access.log").read_text().splitlines())
        return "nginx answered " + ", ".join(f"{line.strip()} {count}" for line, count in lines.most_common())


def _flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


def _named(keys: set[str]) -> str:
    shown = sorted(repr(key) if len(key) < 30 else f"{key[:10]!r}…" for key in keys)
    return f"{len(keys)} keys: {', '.join(shown)}" if len(keys) > 1 else shown[0]
