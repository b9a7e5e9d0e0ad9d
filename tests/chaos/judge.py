"""What must hold when everything has come to rest, each law by its name. It asks the servers themselves.

nothing lost                every object lies at the destination as it is, byte by byte, with its headers
counts balance              every run has ended and been reported, its keys and bytes add up, and the last one's are
                            those that the source holds
sentences are true          what a report says in its first line was so while its run went on
nothing is left             no lease is held, no upload remembered, no multipart upload open, nothing staged
dead letters                no message ended there, and none was unreadable
ceilings hold               while there is one, no run copies more, and all runs together no more than theirs
a pause holds               before the first pause ends nothing appears
memory and connections      small, and an idle round needs no more of them than the round before
no bug                      nothing raised what nobody expects, and no process ended by itself
what was planned happened   every fault and every act, and ranges that were to split did
"""

import html
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from google.cloud.firestore import Client

from local.clients import gcs_client
from local.comparison import Scope, compare
from local.faults.client import Told
from local.names import PROJECT
from shared.domain.counts import Outcome
from shared.domain.runs import RunKind, RunState
from shared.ports.run_store import RunRecord
from tests.chaos.drawn import FUNCTIONS
from tests.chaos.person import Person
from tests.chaos.site import Site
from tests.chaos.source import Source, Version
from tests.chaos.watcher import Watcher
from tests.schedules.truth import during, told_the_same
from tests.shapes import ENCODED, TOO_LONG, encoded

MOST_BYTES = 256 << 20
GROWTH_BYTES = 8 << 20
GROWTH_SOCKETS = 4
SLACK_SECONDS = 2.0
"""Around a run: between a change and its note, and until a watcher has seen it."""

Wrong = tuple[str, str]
"""A law, and what broke it."""


@dataclass(frozen=True, slots=True)
class Judge:
    site: Site
    source: Source
    watcher: Watcher
    person: Person
    runs: list[RunRecord]

    def nothing_lost(self) -> list[Wrong]:
        site, stack = self.site, self.site.shared.stack
        encodes = site.drawn.settings["UNSUPPORTED_NAMES"] == "encode"
        cannot = set(TOO_LONG if encodes else [*ENCODED, *TOO_LONG])
        scope = Scope(name=_encoded if encodes else str, read_every=1)
        found = compare(
            self.site.shared.s3,
            site.named("source"),
            gcs_client(stack.environment),
            site.named("destination"),
            cannot,
            scope,
        )
        gone = [key for key, line in self.source.history.items() if line[-1][1] is None]
        allowed = {f"{name!r}: only at the destination" for key in gone for name in (key, _encoded(key))}
        return [("nothing lost", item) for item in found.differences if item not in allowed]

    def counts_balance(self) -> list[Wrong]:
        found = []
        for record in self.runs:
            name, summary = record.run.name, record.summary
            if not self._may_be(record) or summary is None:
                found.append(("counts balance", f"{name} is {record.state}"))
            elif not summary.balanced:
                found.append(("counts balance", f"{name}: {summary}"))
        things = self.source.things.values()
        held = len(things), sum(thing.size for thing in things)
        for kind in (RunKind.LIST, RunKind.VERIFY):
            last = [item.summary for item in self.runs if item.run.kind is kind and item.summary is not None][-1:]
            if [(item.listed_keys, item.listed_bytes) for item in last] != [held]:
                found.append(("counts balance", f"the last {kind} says {last}, the source holds {held}"))
        return found

    def _may_be(self, record: RunRecord) -> bool:
        match record.state:
            case RunState.CANCELLED:
                return record.run.name in self.person.cancelled
            case RunState.STOPPED:
                return self.site.drawn.ceiling is not None
        return record.state is RunState.FINISHED

    def sentences(self) -> list[Wrong]:
        found: list[Wrong] = []
        reports = gcs_client(self.site.shared.stack.environment).bucket(self.site.named("reports"))
        for record in self.runs:
            blob = reports.get_blob(f"{self.site.job}/{record.run.name}/report.html")
            if blob is None:
                found.append(("sentences are true", f"{record.run.name} has no report"))
                continue
            said = re.search(r'<header class="(\w+)"><h1>(.*?)</h1>', blob.download_as_text(), re.DOTALL)
            if said is None:
                found.append(("sentences are true", f"the report of {record.run.name} says nothing"))
                continue
            began = self._began(record)
            until = blob.updated.timestamp() + SLACK_SECONDS
            found += self._said(record, said[1], html.unescape(said[2]), began - SLACK_SECONDS, until)
        return found

    def _began(self, record: RunRecord) -> float:
        """When a run began: the message was sent then, or, if it follows from another run, its function says so by a
        clock that may be wrong.
        """
        function = "lister" if record.run.kind is RunKind.LIST else "verifier"
        told = record.run.started_at - self.site.drawn.skew.get(function, 0.0)
        return next((at for identity, at in self.site.sent.items() if record.run.name.endswith(f"-{identity}")), told)

    def _said(self, record: RunRecord, tone: str, sentence: str, since: float, until: float) -> list[Wrong]:
        pairs = {
            key: (during(line, since, until), during(self.watcher.copies.get(key, []), since, until))
            for key, line in self.source.history.items()
        }
        within = {key: pair for key, pair in pairs.items() if key.encode().startswith(record.run.prefix)}
        ever = {key: pair for key, pair in within.items() if any(item is not None for item in pair[0])}
        agreed = {key for key, (held, copies) in ever.items() if _bytes(held) & _bytes(copies)}
        told, found = f"{record.run.name}: {tone}: {sentence!r}", []
        never = [key for key, (held, _) in ever.items() if None not in held and key not in agreed]
        if tone == "good" and never:
            found.append(("sentences are true", f"{told}, and never agreed: {never[:5]}"))
        if record.run.kind is RunKind.VERIFY:
            same = told_the_same(sentence)
            if same > len(agreed):
                found.append(("sentences are true", f"{told}, and at most {len(agreed)} ever agreed"))
        return found

    def nothing_is_left(self) -> list[Wrong]:
        site, found = self.site, []
        root = Client(project=PROJECT).collection("jobs").document(site.job)
        left = [item.id for item in root.collection("ranges").stream() if item.get("state") == "open"]
        found += [("nothing is left", f"range {name} is open") for name in left]
        killed = "transfer" in site.drawn.killed
        remembered = [item.id for item in root.collection("uploads").stream()]
        if remembered and not killed:
            found.append(("nothing is left", f"uploads remembered: {remembered}"))
        address = f"{site.shared.stack.url('gcs')}/{quote(site.named('staging'))}?uploads"
        with urllib.request.urlopen(address, timeout=30) as answer:
            open_uploads = re.findall(r"<UploadId>(.*?)</UploadId>", answer.read().decode())
        staged = [blob.name for blob in gcs_client(site.shared.stack.environment).list_blobs(site.named("staging"))]
        if (open_uploads or staged) and not site.drawn.may_leave_uploads:
            found.append(("nothing is left", f"staging has uploads {open_uploads} and objects {staged}"))
        return found

    def it_was_steered(self) -> list[Wrong]:
        """What a pause and a ceiling allowed, as the destination showed it."""
        drawn, person, found = self.site.drawn, self.person, []
        appeared = {key: line[0][0] for key, line in self.watcher.copies.items()}
        if drawn.held:
            early = [key for key, at in appeared.items() if at < person.resumed_at]
            found += [("a pause holds", f"copied while the job was paused: {early[:5]}")] if early else []
        if drawn.ceiling is not None:
            within = sum(at < person.lifted_at for at in appeared.values())
            if within > drawn.ceiling * person.under:
                found.append(("ceilings hold", f"{within} objects, {person.under} runs of {drawn.ceiling} at the most"))
            for record in self.runs:
                copied = record.summary.outcomes.keys.get(Outcome.COPIED, 0) if record.summary is not None else 0
                if record.state is RunState.STOPPED and copied > drawn.ceiling:
                    found.append(("ceilings hold", f"{record.run.name} copied {copied} objects of {drawn.ceiling}"))
        return found

    def ranges_split(self) -> list[Wrong]:
        """Where pages were made small, so that they do."""
        if self.site.drawn.page_keys is None:
            return []
        root = Client(project=PROJECT).collection("jobs").document(self.site.job)
        ranges = Counter(item.get("run") for item in root.collection("ranges").select(["run"]).stream())
        return (
            [] if max(ranges.values(), default=0) > 1 else [("what was planned happened", f"no range split: {ranges}")]
        )

    def dead_letters(self) -> list[Wrong]:
        root = Client(project=PROJECT).collection("jobs").document(self.site.job)
        count = self.site.backlog()["dead"]
        rejected = [item.to_dict() for item in root.collection("rejected").stream()]
        found = [("dead letters", f"{count} messages")] if count else []
        return found + [("dead letters", f"rejected: {item}") for item in rejected]

    def no_bug(self) -> list[Wrong]:
        site = self.site
        found = [("no bug", f"{name} ended by itself") for name in site.ended]
        found += [("no bug", f"{name} ended by itself") for name, child in site.children.items() if not child.alive]
        found += [("no bug", f"{name} ended by itself") for name in site.shared.stack.dead()]
        for name in FUNCTIONS:
            text = (site.logs / f"{name}.log").read_text(errors="replace")
            found += [("no bug", f"{name}: {line}") for line in unexpected(text)[:2]]
        return found


def unexpected(log: str) -> list[str]:
    """What a function raised that nobody expects: an error that names no service as its cause, and whatever was raised
    in the project's code without being told as an error. That a push breaks off is told by the framework.
    """
    found, block = [], ""
    for line in [*log.splitlines(), "{}"]:
        if not line.startswith("{"):
            block += f"{line}\n"
            continue
        if "Traceback (most recent call last)" in block and "/shared/" in block:
            found.append(block[-900:])
        block = ""
        told = json.loads(line)
        if "traceback" in told and "party" not in told:
            found.append(f"{told.get('reason')}: {str(told['traceback'])[-700:]}")
    return found


def happened(told: Told, drawn: int, acts: int) -> list[Wrong]:
    """Of what was planned: faults that never fired, acts that did not take place."""
    found = [("what was planned happened", fault.told()) for fault in told.never]
    return found if acts == drawn else [*found, ("what was planned happened", f"{acts} of {drawn} acts")]


def grown(before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]) -> list[Wrong]:
    """What an idle round needed more: peak memory, sockets, threads by function."""
    found = []
    for name, (peak, sockets, threads) in after.items():
        if peak > MOST_BYTES or peak - before[name][0] > GROWTH_BYTES:
            found.append(("memory and connections", f"{name}: {before[name][0] >> 20} MiB became {peak >> 20}"))
        if sockets - before[name][1] > GROWTH_SOCKETS or threads - before[name][2] > GROWTH_SOCKETS:
            told = f"{name}: {before[name][1:]} sockets and threads became {(sockets, threads)}"
            found.append(("memory and connections", told))
    return found


def _bytes(versions: Sequence[Version | None]) -> set[tuple[str, int]]:
    """What two versions are alike by: their CRC32Cs and sizes."""
    return {(version.crc32c, version.size) for version in versions if version is not None}


def _encoded(key: str) -> str:
    """Where a key's copy lies where refused keys are encoded."""
    return encoded(key) if key in ENCODED else key
