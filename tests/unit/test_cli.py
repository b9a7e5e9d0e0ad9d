"""The command-line tool on the in-memory job, and how it finds its job and answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import session
from cli.app import app
from cli.job import FoundJob
from cli.output import Output
from shared.bootstrap import Admin
from shared.bootstrap.admin import admin
from shared.domain.messages import Message
from shared.settings import Settings
from tests.world import SETTINGS, World


class Told:
    """Messages that were sent."""

    def __init__(self, world: World) -> None:
        self.world, self.sent = world, list[tuple[str, Message]]()

    async def send(self, topic: str, message: Message) -> str:
        self.sent.append((topic, message))
        return self.world.send(topic, message).partition("-")[2]


class InMemory(session.Session):
    """A session on a world."""

    def __init__(self, world: World, output: Output) -> None:
        super().__init__(FoundJob({}, "a test"), Settings(**SETTINGS), output)
        self.world = world
        stores = world.stores.ports
        made: Admin = admin(stores, world.queue, world.clock, self.limits)
        self.__dict__.update(
            admin=made, clock=world.clock, source=world.bucket, destination=world.destination, sender=Told(world)
        )


Ask = Callable[..., Result]


def asker(monkeypatch: pytest.MonkeyPatch, world: World) -> Ask:
    def ask(*arguments: str, typed: str | None = None) -> Result:
        def opened(name: str | None, terraform: Path | None, output: Output) -> session.Session:
            return InMemory(world, output)

        monkeypatch.setattr(session, "open_session", opened)
        return CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)

    return ask


def answer(result: Result, status: int = 0) -> Any:
    assert result.exit_code == status, (result.output, result.stderr)
    return json.loads(result.stdout)


async def test_status_tells_runs_pause_and_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    pass
