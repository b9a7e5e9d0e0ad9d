"""Waiting for a run on the stack, and reading its counts."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection

from google.cloud.firestore import AsyncClient

from local.children import StackError
from local.names import PROJECT
from local.stack import Stack
from shared.gcp.firestore.stores import firestore_stores
from shared.ports.run_store import RunSummary
from shared.telemetry import Log

JOB = "default"
FIXED_READS = 50
"""About what a run costs in Firestore reads whatever it lists: mostly the sums for the counts of the run before, and a
read for each query that finds nothing.
"""

POLL_SECONDS = 0.2
QUIET_POLLS = 3
"""Polls in a row that must find nothing under way."""


async def wait(stack: Stack, message_id: str, seconds: float, show: Callable[[], None] | None = None) -> str:
    """The name of the run that a message started, once nothing of it is under way any more.

    Raises StackError if a process dies or the time is over.
    """
    deadline = time.monotonic() + seconds
    quiet = 0
    while time.monotonic() < deadline:
        dead = stack.dead()
        if dead:
            raise StackError(f"{', '.join(dead)} ended by itself:\n{stack.children[dead[0]].tail()}")
        quiet = quiet + 1 if await _idle(stack, message_id) else 0
        if quiet >= QUIET_POLLS:
            return await run_name(message_id)
        if show is not None:
            show()
        await asyncio.sleep(POLL_SECONDS)
    raise StackError(
        f"the run of message {message_id} is not finished after {seconds:.0f} s; backlog {stack.backlog()}"
    )


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    """Raises StackError if it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise StackError(f"waited {seconds:.0f} s in vain")
        time.sleep(POLL_SECONDS)


async def _idle(stack: Stack, message_id: str) -> bool:
    """By the queue's backlog where there is one, which costs no read; else by the run's counts."""
    backlog = await asyncio.to_thread(stack.backlog)
    if backlog is not None:
        return all(count == 0 for name, count in backlog.items() if name != "dead-letters")
    try:
        run = await run_name(message_id)
    except LookupError:
        return False
    return (await summary(run)).finished


async def run_name(message_id: str) -> str:
    """The run that a message started. Raises LookupError while there is none."""
    async for name in _names(AsyncClient(project=PROJECT)):
        if name.endswith(f"-{message_id}"):
            return name
    raise LookupError(f"message {message_id} started no run")


async def next_run(known: Collection[str], seconds: float) -> str:
    """The message of a run that nobody here asked for: the first that is not among the known ones. Raises StackError if
    none begins in time.
    """
    client, deadline = AsyncClient(project=PROJECT), time.monotonic() + seconds
    while time.monotonic() < deadline:
        async for name in _names(client):
            if name not in known:
                return name.rpartition("-")[2]
        await asyncio.sleep(POLL_SECONDS)
    raise StackError(f"no further run began within {seconds:.0f} s")


async def _names(client: AsyncClient) -> AsyncIterator[str]:
    """Of all runs."""
    async for reference in client.collection("jobs").document(JOB).collection("runs").list_documents():
        yield str(reference.id)


async def summary(run: str) -> RunSummary:
    """The counts of a run, as the production code adds them up."""
    return await firestore_stores(PROJECT, "(default)", JOB, Log("ERROR")).runs.summary(run)


async def proofs(run: str) -> Counter[str]:
    """How many of a run's copies got which kind of proof."""
    found: Counter[str] = Counter()
    async for held in firestore_stores(PROJECT, "(default)", JOB, Log("ERROR")).ledger.scan(b"", b""):
        if held.record.run == run:
            found.update(entry.proof for entry in held.record.entries if entry.proof)
    return found
