"""The job at work: is it woken, does it copy, compare and report, and is what arrived what was there?"""

import asyncio
import time

from acceptance.answers import Answer, judged, not_asked
from acceptance.judge import compared
from acceptance.messages import finished, publish, run_of, until
from acceptance.trial import Trial
from shared.domain.comparison import Comparison
from shared.domain.counts import Counts, Outcome

_NO_RUN = "the lister's message began no run"


async def _begin(trial: Trial, topic: str, message: dict[str, object]) -> tuple[str, str]:
    """The run that a message begins, "" if none does, and how long that took."""
    sent = time.monotonic()
    message_id = await publish(trial.services, topic, message)

    async def begun() -> bool:
        return await run_of(trial.services, message_id) != ""

    await until(begun, trial.services.run_seconds, 1 if trial.services.live else 0.2)
    return await run_of(trial.services, message_id), f"{time.monotonic() - sent:.1f} s"


async def pushes(trial: Trial) -> Answer:
    """Do messages wake the lister and the verifier?"""
    given = trial.services.settings
    trial.list_run, listed = await _begin(trial, given.list_topic, {"prefix": trial.prefix})
    if trial.list_run:
        await finished(trial.services, trial.list_run)
    message = {"prefix": trial.prefix, "repair": False}
    trial.compared_run, verified = await _begin(trial, given.verify_topic, message)
    seen = {"lister": listed if trial.list_run else "no run", "verifier": verified if trial.compared_run else "no run"}
    text = "; ".join(f"{name}: {told} after publishing" for name, told in seen.items())
    return judged(bool(trial.list_run and trial.compared_run), text, seen)


async def copies(trial: Trial) -> Answer:
    """Did every case end as it should?"""
    if not trial.list_run:
        return not_asked(_NO_RUN)
    summary = await finished(trial.services, trial.list_run)
    if summary is None:
        return judged(False, f"the run is not finished after {trial.services.run_seconds:.0f} s")
    places = [trial.services.settings.mapping.place(trial.key(case.name).encode()) for case in trial.cases]
    refused = sum(place.name is None for place in places)
    archived = sum(case.archived for case in trial.cases)
    wanted = {
        Outcome.COPIED: len(places) - refused - archived,
        Outcome.UNSUPPORTED: refused,
        Outcome.ARCHIVED: archived,
    }
    expected = {outcome.value: keys for outcome, keys in wanted.items() if keys}
    return _counted(summary.outcomes, expected, summary.balanced)


async def verdicts(trial: Trial) -> Answer:
    """Does the job's own comparison find nothing wrong?"""
    if not trial.compared_run:
        return not_asked("the verifier's message began no run")
    summary = await finished(trial.services, trial.compared_run)
    if summary is None:
        return judged(False, f"the comparison is not finished after {trial.services.run_seconds:.0f} s")
    fine = {Comparison.SAME, Comparison.UNSUPPORTED, Comparison.ARCHIVED}
    found = _told(summary.verdicts)
    wrong = {name for name in found if name not in fine}
    return judged(not wrong and Comparison.SAME in found, _line(found), found)


async def arrived(trial: Trial) -> Answer:
    """Do Amazon's and Google's own libraries find the same on both sides?"""
    if not trial.list_run:
        return not_asked(_NO_RUN)
    found = await asyncio.to_thread(compared, trial)
    seen = {f"difference {number}": line for number, line in enumerate(found.differences, 1)}
    text = f"{found.objects} objects, {found.read} read byte for byte on both sides, {len(seen)} differences"
    return judged(not seen, text, seen)


async def reported(trial: Trial) -> Answer:
    """Does a run that has ended leave its page?"""
    given = trial.services.settings
    if given.report_bucket is None:
        return not_asked("REPORT_BUCKET is not set")
    if not trial.compared_run:
        return not_asked("the verifier's message began no run")
    await publish(trial.services, given.verify_topic, {"close": True})
    page = trial.services.gcs.bucket(given.report_bucket).blob(f"{given.job}/{trial.compared_run}/report.html")
    waited = await until(lambda: asyncio.to_thread(page.exists), trial.services.run_seconds / 3, 0.5)
    name = f"{given.job}/{trial.compared_run}/report.html"
    return judged(waited is not None, f"{name} {'is there' if waited is not None else 'did not come'}")


def _counted(counts: Counts, expected: dict[str, int], balanced: bool) -> Answer:
    found = _told(counts)
    same = balanced and {name: str(keys) for name, keys in expected.items()} == found
    return judged(same, _line(found) if same else f"{_line(found)}; expected {_line(expected)}", found)


def _told(counts: Counts) -> dict[str, str]:
    return {str(name): str(keys) for name, keys, _ in counts if keys}


def _line(found: dict[str, str] | dict[str, int]) -> str:
    return ", ".join(f"{keys} {name}" for name, keys in sorted(found.items())) or "nothing"
