"""Faults put into production code by hand, to show that the laws would see them: `make chaos MUTATE=all`.

Each is a few replaced lines in a copy of the source tree, from which a seed's functions run; the code itself knows of
none of this. It is tried on seeds that have what it takes, and counts as found where a law is broken that it is about.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from local.children import ROOT
from local.faults.fault import Kind
from local.faults.grpc_calls import OF_A_TRANSACTION
from tests.chaos.drawn import LARGE_PARTS, Drawn, Planned, draw

TREES = ("shared", "functions")
"""What a function's process imports."""

OF_SCHEDULES = ("tests", "local", "terraform")
"""What a schedule imports and reads besides, as it is."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In a file of the tree, a text that stands there once, and what stands there instead."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """laws: those that it is about; only they count as finding it. needs: whether a seed has what it takes. scheduled:
    whether it is tried in virtual time, where what makes it visible is met far more often.
    """

    name: str
    laws: frozenset[str]
    needs: Callable[[Drawn], bool]
    edits: tuple[Edit, ...]
    scheduled: bool = False

    def seeds(self) -> Iterator[int]:
        """The seeds that may find it, without end."""
        number = 0
        while True:
            if self.needs(draw(number)):
                yield number
            number += 1


@contextmanager
def planted(mutation: Mutation) -> Iterator[Path]:
    """A source tree with a mutation in it. Raises ValueError if a text is not there just once."""
    with TemporaryDirectory(prefix="chaos-mutation-") as folder:
        tree = Path(folder)
        for name in TREES:
            shutil.copytree(ROOT / name, tree / name)
        for name in OF_SCHEDULES if mutation.scheduled else ():
            (tree / name).symlink_to(ROOT / name)
        for edit in mutation.edits:
            path = tree / edit.file
            text = path.read_text()
            if text.count(edit.old) != 1:
                raise ValueError(f"{mutation.name}: {edit.file} has {text.count(edit.old)} times {edit.old!r}")
            path.write_text(text.replace(edit.old, edit.new))
        yield tree


def _anything(_drawn: Drawn) -> bool:
    return True


def _fault(test: Callable[[Planned], bool]) -> Callable[[Drawn], bool]:
    return lambda drawn: any(test(fault) for fault in drawn.faults)


def _act(what: str, *who: str, before: float = 60.0) -> Callable[[Drawn], bool]:
    return lambda drawn: any(act.what == what and act.who in who and act.at < before for act in drawn.acts)


def _bits_flipped(fault: Planned) -> bool:
    return fault["kind"] == Kind.CORRUPT and fault["match"] in ("GET /{source}/[!?]*", "GET *")


def _commits(kind: Kind) -> Callable[[Planned], bool]:
    return lambda fault: (fault["match"], fault["kind"]) == ("*/Commit", kind)


def _undisturbed_race(drawn: Drawn) -> bool:
    """Of a large object, with nothing that may leave an upload by itself."""
    return _act("race", "large")(drawn) and not drawn.may_leave_uploads


_NO_MD5 = Edit(
    "shared/gcp/objects.py",
    '("md5Hash", b2a_base64(bytes.fromhex(upload.md5), newline=False).decode() if upload.md5 else None)',
    '("md5Hash", None)',
)
_NO_CHECKSUM = Edit("shared/domain/checksums.py", "        yield chunk\n    seen.check()\n", "        yield chunk\n")
_NO_GENERATION = tuple(
    Edit("shared/gcp/storage.py", f"uploadType={kind}&ifGenerationMatch={{upload.generation}}&", f"uploadType={kind}&")
    for kind in ("multipart", "resumable")
)

MUTATIONS = (
    Mutation(
        "MD5 and checksums of the source are not held to",
        frozenset({"right bytes"}),
        _fault(_bits_flipped),
        (_NO_MD5, _NO_CHECKSUM),
    ),
    Mutation(
        "no `If-Match`, no check of the answer's ETag or MD5",
        frozenset({"read what was listed"}),
        lambda drawn: drawn.stale,
        (
            Edit("shared/aws/download.py", """headers["If-Match"] = f'"{self._source.etag}"'""", "headers.update()"),
            Edit("shared/aws/download.py", "if etag != self._source.etag:", "if not etag:"),
            _NO_MD5,
            _NO_CHECKSUM,
        ),
    ),
    Mutation(
        "pushes are acknowledged whatever happens",
        frozenset({"counts balance", "nothing lost", "nothing is left"}),
        _fault(_commits(Kind.REFUSED)),
        (
            Edit(
                "shared/entrypoints/push.py",
                "runtime.run(self._handle(app, work, body))\n        except Exception:\n            raise Serv"
                "iceUnavailable from None",
                "runtime.run(self._handle(app, work, body))\n        except Exception:\n            return",
            ),
        ),
    ),
    Mutation(
        "reports are green whatever happened",
        frozenset({"sentences are true"}),
        _anything,
        (
            Edit(
                "shared/reporting/sentence.py",
                "    copied, failed = run.outcomes.get(Outcome.COPIED, 0), run.outcomes.get(Outcome.FAILED, 0)\n",
                '    copied, failed = run.listed, 0\n    return "good", f"{_all(run.listed)} the same."\n',
            ),
        ),
    ),
    Mutation(
        "no generation precondition",
        frozenset({"never older over newer"}),
        lambda drawn: _act("race", "small")(drawn) and "transfer" not in drawn.killed,
        _NO_GENERATION,
    ),
    Mutation(
        "keys are on record as copied before they are",
        frozenset({"on record when there"}),
        _anything,
        (
            Edit(
                "shared/copying/transfer_batch.py",
                "        present = await self._stat_many(todo) if message.part is None else None\n",
                "        present = await self._stat_many(todo) if message.part is None else None\n"
                "        early = [replace(Entry.of(source), outcome=Outcome.COPIED) for source in todo]\n"
                "        await self._settle(message, found, record, early if message.part is None else [])\n",
            ),
        ),
        scheduled=True,
    ),
    Mutation(
        "a lease never ends",
        frozenset({"every wait ends", "nothing is left", "counts balance"}),
        _act("kill", "lister", "verifier", before=1.0),
        (
            Edit(
                "shared/gcp/firestore/leases.py",
                "return 0 < until - now <= 2 * lease_seconds",
                "return until > 0",
            ),
        ),
    ),
    Mutation(
        "a large object is completed without a proof",
        frozenset({"right bytes"}),
        _fault(lambda fault: (fault["kind"], fault["match"]) == (Kind.CORRUPT, LARGE_PARTS)),
        (
            Edit(
                "shared/copying/part_proof.py",
                '    if known is not None and known[0] in ("crc32c", opened.crc):\n',
                "    if notes:\n        return VerifiedBy.CRC32C\n"
                '    if known is not None and known[0] in ("crc32c", opened.crc):\n',
            ),
        ),
    ),
    Mutation(
        "ceilings are not looked at",
        frozenset({"ceilings hold"}),
        lambda drawn: drawn.ceiling is not None,
        (
            Edit(
                "shared/runs/ceilings.py",
                "        if not control.bounded:\n            return",
                "        if 1:\n            return",
            ),
        ),
    ),
    Mutation(
        "uploads that are given up are not aborted",
        frozenset({"nothing is left"}),
        _undisturbed_race,
        (
            Edit(
                "shared/gcp/staging.py",
                """await self._xml("DELETE", name, f"uploadId={quote(upload, safe='')}", good=(204,), retry=QUESTIONS)""",
                "return",
            ),
        ),
    ),
    Mutation(
        "a pause is not looked at",
        frozenset({"a pause holds"}),
        lambda drawn: drawn.held > 0,
        (
            Edit(
                "shared/runs/job_control.py",
                "        if not (await self.read()).paused:\n",
                "        if not (await self.read()).paused or True:\n",
            ),
            Edit("shared/runs/ceilings.py", "        if control.paused:\n", "        if control.paused and False:\n"),
        ),
    ),
    Mutation(
        "a transaction whose commit was not answered is not begun anew",
        frozenset({"no bug"}),
        _fault(lambda fault: (fault.get("body"), fault["kind"]) == (OF_A_TRANSACTION, Kind.LOST_ANSWER)),
        (
            Edit(
                "shared/gcp/firestore/transactions.py",
                "            if _EXPIRED not in str(error):\n                raise\n",
                "            raise\n",
            ),
        ),
    ),
)
