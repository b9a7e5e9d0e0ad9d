"""An instance of the transfer is as large as what it has in hand needs: one figure is not changed without the others."""

import re

from local.children import ROOT
from local.emulators.pubsub.push import MOST_OUTSTANDING
from shared.copying.transfer_batch import GRACE_SECONDS
from shared.domain.instance import (
    BATCH_BYTES,
    BUFFER_BYTES,
    BYTES_IN_FLIGHT,
    CONCURRENCY,
    KEYS_PER_MESSAGE,
    MEMORY_BYTES,
    OBJECTS_IN_FLIGHT,
    Places,
    weight,
)
from shared.domain.parts import MIB
from shared.gcp.storage import CHUNK_BYTES
from shared.http.response import HELD_BYTES
from shared.pricing.speed import COPY_SECONDS, INSTANCE_BYTES_A_SECOND, objects_a_second
from shared.settings import Settings

INTERPRETER_BYTES = 110 * MIB
"""What an instance takes that has copied one object."""

MESSAGE_SECONDS = 0.4
"""For a message to come, to be looked up at both ends and in the ledger, and to be written down."""


def default(name: str) -> int:
    return int(Settings.model_fields[name].default)


def test_settings_have_what_an_instance_is_made_for() -> None:
    assert default("objects_in_flight") == OBJECTS_IN_FLIGHT
    assert default("bytes_in_flight") == BYTES_IN_FLIGHT
    assert default("batch_bytes") == BATCH_BYTES
    assert default("keys_per_message") == KEYS_PER_MESSAGE


def test_terraform_makes_it_so() -> None:
    sizes = (ROOT / "terraform" / "modules" / "job" / "sizes.tf").read_text()
    made = f'transfer = {{ concurrency = {CONCURRENCY}, memory = "{MEMORY_BYTES // MIB}Mi", topic = "transfer" }}'
    assert made in sizes
    assert f"({BYTES_IN_FLIGHT // MIB} MiB, BYTES_IN_FLIGHT)" in sizes
    held = re.search(r"bytes_in_flight = (\d+)", sizes)
    assert held is not None
    assert int(held[1]) == BYTES_IN_FLIGHT


def test_its_messages_have_keys_enough_to_keep_all_places_busy() -> None:
    """While a message comes and goes none of its keys is copied."""
    keys = CONCURRENCY * default("keys_per_message")
    assert keys / (COPY_SECONDS + MESSAGE_SECONDS) >= 0.75 * OBJECTS_IN_FLIGHT / COPY_SECONDS
    assert keys / (2 * COPY_SECONDS + MESSAGE_SECONDS) >= OBJECTS_IN_FLIGHT / (2 * COPY_SECONDS)
    assert MOST_OUTSTANDING >= CONCURRENCY, "the local queue pushes as many"


def test_what_its_messages_hold_is_copied_before_their_time_is_over() -> None:
    """Otherwise every message would be handed on, and a copy that was cut off counts as an attempt."""
    most = max(default("batch_bytes"), default("large_bytes"), default("part_bytes"))
    seconds = CONCURRENCY * most / INSTANCE_BYTES_A_SECOND
    assert seconds <= default("budget_seconds") - 60
    small = CONCURRENCY * default("keys_per_message") / objects_a_second(0, Places())
    assert small < GRACE_SECONDS, "what waits when the budget ends would be done, too"


def test_its_memory_holds_all_that() -> None:
    assert INTERPRETER_BYTES + BYTES_IN_FLIGHT <= MEMORY_BYTES / 2
    assert BUFFER_BYTES >= CHUNK_BYTES + 2 * HELD_BYTES, "a chunk that goes up, and what comes meanwhile"
    assert CONCURRENCY * weight(BUFFER_BYTES) <= BYTES_IN_FLIGHT, "a large object of each message at a time"


def test_a_third_of_a_megabyte_has_all_places() -> None:
    """The mean object of the petabyte that is simulated."""
    assert Places().of(10**15 / 3e9) == OBJECTS_IN_FLIGHT
