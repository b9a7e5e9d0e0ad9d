"""`explain`: all that is known of one key, and what the next run would do with it.

Nothing of this is guessed: the lister's decision is `shared.listing.decision`, the transfer's `CopyObject.decide`, and
the verifier's `shared.domain.comparison`, each asked as the functions ask them.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli.command import command
from cli.exits import CommandError, Exit
from cli.ledger import attempts
from cli.output import Answer, Output, moment, size
from cli.reasons import without_advice
from cli.scope import for_shell, hint_of, typed
from cli.session import Session
from shared.copying.copy_object import CopyObject, CopyPlan
from shared.copying.replicate_object import RUN as ON_DEMAND
from shared.domain.comparison import Comparison, compare
from shared.domain.counts import Outcome
from shared.domain.errors import Gone, NoSuchBucket, Unsupported
from shared.domain.keys import Key, Place
from shared.domain.objects import DestinationObject, SourceObject
from shared.domain.page import Page
from shared.domain.reasons import advice_for
from shared.ledger.entry import Entry
from shared.ledger.levels import run_of
from shared.ledger.origins import is_proven
from shared.ledger.window import Known, is_alive
from shared.listing.decision import Decision, decide

_NEXT = "the next run"


def register(app: typer.Typer) -> None:
    command(app, "explain", ("explain photos/2021/0001.jpg", "explain photos/2021/0001.jpg --json"))(explain)


@dataclass(frozen=True, slots=True)
class NextRun:
    """How the key would end in a scheduled run, and why. advice: what to do if that is not what is wanted."""

    outcome: str
    why: str
    advice: str = ""


async def explain(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The whole key, as it is in S3.")],
) -> Answer:
    """Why a key was copied, or was not: the source now, the ledger, the copy now, and what the next run would do.

    The exit status is 0 if the copy is of the version that the source has now, and 3 if not.
    """
    if not key:
        raise CommandError("name a KEY: S3 has none without a character", Exit.USAGE)
    wanted = typed(session, key)
    source = await _source(session, wanted)
    known = await attempts(session, wanted)
    place = session.config.mapping.place(wanted)
    copy = await session.destination.stat(place.name) if place.name is not None else None
    last = known[-1] if known else None
    running = await session.admin.stores.runs.names_running()
    control = await session.admin.stores.control.get()
    alive = is_alive(last, running, session.clock.now(), session.config.life_seconds, control.cancelled)
    verdict = _compared(source, copy, place, last, alive)
    ends = None if source is None else await _transferred(session, source, copy)
    then = _next_run(session, wanted, source, ends, last, alive, control.paused)
    current = isinstance(ends, Entry) and ends.outcome is Outcome.UNCHANGED
    document = {
        "key": key,
        "name": None if place.name is None else place.name.decode(),
        "source": None if source is None else _source_document(source),
        "ledger": None if last is None else _known_document(last),
        "attempts": [_known_document(item) for item in known],
        "destination": None if copy is None else _copy_document(copy),
        "comparison": None if verdict is None else verdict.value,
        "next_run": {"outcome": then.outcome, "why": then.why, "advice": then.advice},
        "current": current,
    }
    return Answer(document, lambda output: _show(document, place, output), Exit.DONE if current else Exit.NOT_SO)


async def _source(session: Session, key: Key) -> SourceObject | None:
    try:
        return await session.source.head(key)
    except NoSuchBucket:
        raise
    except Gone:
        return None


def _compared(
    source: SourceObject | None, copy: DestinationObject | None, place: Place, last: Known | None, alive: bool
) -> Comparison | None:
    """What a comparison would say, None where there is nothing on either side."""
    if source is None:
        return None if copy is None else Comparison.EXTRA
    entry = None if last is None else last.entry
    crc32c = None
    if entry is not None and (entry.etag, entry.size) == (source.etag, source.size) and is_proven(_origin(entry)):
        crc32c = entry.crc32c
    open_ = alive and entry is not None and entry.open
    return compare(source, copy, place, in_flight=open_, crc32c=crc32c)


def _origin(entry: Entry) -> tuple[str, int, str, str, str]:
    return entry.etag, entry.size, entry.proof, entry.route, entry.crc32c


async def _transferred(
    session: Session, source: SourceObject, copy: DestinationObject | None
) -> Entry | CopyPlan | Unsupported:
    """How the transfer would end the key if it were published."""
    absent: Any = None  # to decide, only the source and the naming are asked
    transfer = CopyObject(session.source, absent, absent, session.config.mapping, absent)  # type: ignore[arg-type]
    try:
        return await transfer.decide(source, present={} if copy is None else {copy.name: copy})
    except Unsupported as refused:
        return refused


def _next_run(
    session: Session,
    key: Key,
    source: SourceObject | None,
    ends: Entry | CopyPlan | Unsupported | None,
    last: Known | None,
    alive: bool,
    paused: bool,
) -> NextRun:
    if source is None or ends is None:
        why = f"the source has no such object{hint_of(key, session.settings.source_bucket)}"
        return NextRun("not listed", why, advice_for("gone") if last is not None else "")
    left_out = session.config.filters.sift(Page.of([source])).get(0)
    if left_out is not None:
        return NextRun("filtered", f"the filter {left_out.value} leaves it out", "a run of single keys passes filters")
    decision = decide(
        (source.etag, source.size),
        last,
        run=_NEXT,
        alive=alive,
        force=False,
        redrive=False,
        archived=Page.of([source]).archived(0),
    )
    if decision is Decision.PUBLISH:
        return _published(ends, _why_published(source, last), session.config.large_bytes)
    return _kept(decision, last, key, isinstance(ends, Entry), paused)


def _why_published(source: SourceObject, last: Known | None) -> str:
    """The row of the lister's table that holds."""
    if last is None:
        return "the ledger does not know it"
    entry = last.entry
    if (entry.etag, entry.size) != (source.etag, source.size):
        return f"it has changed since the ledger's version (ETag {entry.etag}, {entry.size:,} bytes)"
    if entry.outcome is None:
        return f"it was published at {moment(last.published_at)}, and nothing has become of it"
    if entry.outcome is Outcome.ARCHIVED:
        return "it was archived, and can be read by now"
    return f"it has failed for what passes by itself: {without_advice(entry.reason)}"


def _published(ends: Entry | CopyPlan | Unsupported, why: str, large_bytes: int) -> NextRun:
    """How a key that is published would end."""
    if isinstance(ends, Unsupported):
        return NextRun(Outcome.UNSUPPORTED.value, str(ends), advice_for("unsupported"))
    if isinstance(ends, CopyPlan):
        parts = ", in parts" if ends.version.size > large_bytes else ""
        return NextRun(Outcome.COPIED.value, f"{why}{parts}")
    if ends.outcome is Outcome.UNSUPPORTED:
        return NextRun(Outcome.UNSUPPORTED.value, ends.reason, advice_for("unsupported"))
    return NextRun(Outcome.UNCHANGED.value, f"{why}; the copy is looked at, and is this version already")


def _kept(decision: Decision, last: Known | None, key: Key, there: bool, paused: bool) -> NextRun:
    """How a key that is not published ends. there: whether the copy is."""
    by = _who(last)
    match decision:
        case Decision.UNCHANGED:
            found = last is not None and last.entry.outcome is Outcome.UNCHANGED
            why = f"{by} has {'found this version copied' if found else 'copied this version'}"
            named = for_shell(key)
            if not there:
                mends = f"`bucket-transfer verify {named}` compares it, and copies it again"
                return NextRun(decision.value, f"{why}, and listings do not look at copies", mends)
            return NextRun(decision.value, why, f"to copy it all the same: `bucket-transfer run {named} --force`")
        case Decision.IN_FLIGHT if paused:
            then = "what of its batch had begun still ends, the rest after `bucket-transfer resume`"
            return NextRun(decision.value, f"{by} has published this version, and the job is paused: {then}")
        case Decision.IN_FLIGHT:
            return NextRun(decision.value, f"{by} is copying this version")
        case Decision.ARCHIVED if last is None or last.entry.outcome is not Outcome.ARCHIVED:
            return NextRun(decision.value, "S3 must restore it before it can be read", advice_for("archived"))
    reason = last.entry.reason if last is not None else ""
    why = f"{by} has recorded it as {decision.value}" + (f": {without_advice(reason)}" if reason else "")
    advice = advice_for(reason) or advice_for(decision.value)
    return NextRun(
        decision.value, why, f"{advice}; `redrive` tries it again" if decision is Decision.FAILED else advice
    )


def _who(last: Known | None) -> str:
    """Who has put on record what is known of a key."""
    run = None if last is None else run_of(last.run)
    if run is None:
        return "an earlier run"
    return "a request to /v1/replicate" if run == ON_DEMAND else f"the run {run}"


def _source_document(source: SourceObject) -> dict[str, Any]:
    return {
        "etag": source.etag,
        "bytes": source.size,
        "modified": moment(source.modified),
        "storage_class": source.storage_class,
        "restore": None if source.restore is None else source.restore.value,
    }


def _copy_document(copy: DestinationObject) -> dict[str, Any]:
    return {
        "bytes": copy.size,
        "generation": copy.generation,
        "crc32c": copy.crc32c,
        "md5": copy.md5,
        "source_etag": copy.source_etag,
        "source_key": copy.source_key,
    }


def _known_document(known: Known) -> dict[str, Any]:
    entry = known.entry
    return {
        "run": run_of(known.run),
        "at": moment(known.published_at),
        "outcome": entry.outcome.value if entry.outcome is not None else "open",
        "reason": entry.reason,
        "etag": entry.etag,
        "bytes": entry.size,
        "route": entry.route,
        "proof": entry.proof,
    }


def _show(document: dict[str, Any], place: Place, output: Output) -> None:
    source, copy, then = document["source"], document["destination"], document["next_run"]
    rows = [("key", document["key"])]
    if source is None:
        rows.append(("source", "no such object"))
    else:
        archived = f", restore {source['restore']}" if source["restore"] else ""
        shape = f"{size(source['bytes'])}, {source['storage_class']}{archived}"
        rows.append(("source", f"{shape}, ETag {source['etag']}, modified {source['modified']}"))
    for item in document["attempts"] or ():
        run, route = item["run"] or "merged records", f" by {item['route']}" if item["route"] else ""
        proof = f", proven by {item['proof']}" if item["proof"] else ""
        reason = f": {without_advice(item['reason'])}" if item["reason"] else ""
        rows.append(("ledger", f"{item['at']} {run}: {item['outcome']}{route}{proof}{reason} (ETag {item['etag']})"))
    if not document["attempts"]:
        rows.append(("ledger", "knows nothing of it"))
    if document["name"] is None:
        rows.append(("destination", f"cannot hold it: {place.reason}"))
    elif copy is None:
        rows.append(("destination", f"no object {document['name']}"))
    else:
        made = f"made from ETag {copy['source_etag']}" if copy["source_etag"] else "not made by this project"
        rows.append(
            ("destination", f"{document['name']}: {size(copy['bytes'])}, generation {copy['generation']}, {made}")
        )
    if document["comparison"]:
        rows.append(("compared", document["comparison"]))
    rows.append(("next run", f"{then['outcome']}: {then['why']}"))
    if then["advice"]:
        rows.append(("what to do", then["advice"]))
    for name, text in rows:
        output.line(f"{name:<12} {text}")
