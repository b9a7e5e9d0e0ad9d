"""The command-line tool on a job in memory: what a person types, and what comes of it."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import session
from cli.app import app
from cli.dead_letter import DeadLetter
from cli.exits import CommandError
from cli.job import FoundJob
from cli.output import Output
from cli.queue_depth import Depth
from shared.bootstrap.admin import admin
from shared.domain.messages import Message
from shared.settings import Settings
from tests.world import SETTINGS, World


class Sender:
    """`cli.session.Sender`: into the world's inbox."""

    def __init__(self, world: World) -> None:
        self.world, self.sent = world, list[tuple[str, Message]]()

    async def send(self, topic: str, message: Message) -> str:
        self.sent.append((topic, message))
        return self.world.send(topic, message).partition("-")[2]


class Reports:
    """`cli.session.ReportReader`: what the world has written. read: files that were read whole, in that order."""

    def __init__(self, world: World) -> None:
        self._files, self.bucket, self.read = world.reports.files, "reports", list[str]()

    async def get(self, name: str, most: int | None = None) -> bytes | None:
        found = self._files.get(name)
        if most is None:
            self.read.append(name)
        return None if found is None else found[0][:most]

    async def exists(self, name: str) -> bool:
        return name in self._files

    def link(self, name: str) -> str:
        return f"https://reports.test/{name}"


@dataclass
class Letters:
    """`cli.dead_letter.DeadLetters`. waiting: that nobody holds. held: by whoever looked."""

    waiting: list[DeadLetter] = field(default_factory=list)
    held: list[DeadLetter] = field(default_factory=list)
    refused: str = ""

    async def look(self) -> list[DeadLetter]:
        if self.refused:
            raise CommandError(self.refused)
        self.held, self.waiting = self.held + self.waiting, []
        return list(self.held)

    async def take_away(self, letters: Iterable[DeadLetter]) -> None:
        for letter in letters:
            self.held.remove(letter)

    async def give_back(self, letters: Iterable[DeadLetter]) -> None:
        for letter in list(letters):
            self.held.remove(letter)
            self.waiting.append(letter)


@dataclass
class Depths:
    """`cli.queue_depth.Queues`."""

    found: list[Depth] = field(default_factory=list)
    refused: str = ""

    async def depths(self) -> list[Depth]:
        if self.refused:
            raise CommandError(self.refused)
        return self.found


class Operator:
    """Types commands. more: settings of the job that differ from the world's usual ones."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, **more: object) -> None:
        self.world, self.sender, self.reports = world, Sender(world), Reports(world)
        self.dead_letters, self.queues = Letters(), Depths()
        self.found = FoundJob({}, "a test")
        settings = Settings(**{**SETTINGS, **more})

        def opened(name: str | None, terraform: Path | None, output: Output) -> session.Session:
            made = session.Session(self.found, settings, output)
            admin_ = admin(world.stores.ports, world.queue, world.clock, made.config)
            made.__dict__ |= {
                "admin": admin_,
                "clock": world.clock,
                "source": world.bucket,
                "destination": world.destination,
                "sender": self.sender,
                "reports": self.reports if settings.report_bucket else None,
                "dead_letters": self.dead_letters,
                "queues": self.queues,
            }
            return made

        monkeypatch.setattr(session, "open_session", opened)

    def types(self, *arguments: str, typed: str | None = None, status: int = 0) -> Result:
        result = CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)
        assert result.exit_code == status, (result.stdout, result.stderr)
        return result

    def asks(self, *arguments: str, typed: str | None = None, status: int = 0) -> Any:
        """The one JSON document that a command answers with."""
        return json.loads(self.types(*arguments, "--json", typed=typed, status=status).stdout)

    def run(self, message: Any = None) -> str:
        """A run of the world, seen through."""
        return asyncio.run(self.world.run(message))

    def drain(self) -> None:
        asyncio.run(self.world.drain())
