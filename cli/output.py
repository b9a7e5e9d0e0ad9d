"""How answers are shown: tables for people, one JSON document for programs, no control codes where nobody looks."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from typing import Any, TextIO

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.exits import CommandError, Exit
from shared.pricing.money import in_dollars
from shared.reporting.units import in_units


def visible(text: object) -> str:
    """Text as it may be shown: a key can hold any character, also those that a terminal obeys, which are shown by their
    numbers. What only looks like such a number is shown otherwise, so that no two keys look alike; a backslash is one.
    """
    plain = text.decode(errors="backslashreplace") if isinstance(text, bytes) else str(text)
    if plain.isprintable() and _NUMBER not in plain:
        return plain
    plain = plain.replace(_NUMBER, f"{_numbered('<')}{_NUMBER[1:]}")
    return "".join(sign if sign.isprintable() else _numbered(sign) for sign in plain)


_NUMBER = "<U+"
"""How the number of a character begins where it is shown."""


def _numbered(sign: str) -> str:
    return f"{_NUMBER}{ord(sign):04X}>"


def size(count: float) -> str:
    """Bytes for people, in powers of 1,024, as reports show them."""
    return in_units(int(count))


def dollars(amount: float) -> str:
    """An estimate in US dollars; of less than a cent only that."""
    if not amount:
        return "$0"
    return "less than $0.01" if amount < 0.01 else f"about ${in_dollars(amount)}"


def amount_of_dollars(amount: float) -> str:
    """US dollars that somebody has set; of less than a cent only that."""
    return "less than US$ 0.01" if 0 < amount < 0.01 else f"US$ {amount:,.2f}"


def moment(epoch_seconds: float | None) -> str:
    """A time as RFC 3339, "" for none."""
    if epoch_seconds is None:
        return ""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def in_days(count: float) -> str:
    """A number of days."""
    return "a day" if count == 1 else f"{count:g} days"


class Output:
    """Where a command's answer goes. For people: standard output, and what is only beside the point on the other."""

    def __init__(self, stdout: TextIO, stderr: TextIO, as_json: bool = False) -> None:
        self._stdout, self._stderr, self.as_json = stdout, stderr, as_json
        self.console = Console(file=stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)

    @property
    def terminal(self) -> bool:
        """Whether a person looks at standard output, and it can be drawn on."""
        return self.console.is_terminal and not self.console.is_dumb_terminal

    @property
    def interactive(self) -> bool:
        """Whether what was drawn can be drawn over, and a person can be asked. FORCE_COLOR, as build servers set it,
        makes a pipe colourful and no terminal.
        """
        return self.terminal and self._stdout.isatty()

    def line(self, *words: object, style: str | None = None) -> None:
        """A line of text."""
        text = visible(" ".join(map(str, words)))
        if self.terminal:
            self.console.print(Text(text, style=style or ""))
        else:
            self._stdout.write(f"{text}\n")

    def confirm(self, question: str) -> None:
        """Goes on only where a person says yes. Raises CommandError where nobody can be asked."""
        if self.as_json or not self.interactive:
            raise CommandError("nobody can be asked here: --yes says that it is meant", Exit.USAGE)
        typer.confirm(question, abort=True)

    def finding(self, level: str, check: str, text: str, mend: str, style: str) -> None:
        """What was found, how bad it is, and below it what mends it, if anything does."""
        self.line(f"{level:<8} {check}: {text}", style=style)
        if mend:
            self.line(f"         {mend}")

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[str] = ()) -> None:
        """A table; the columns that `numbers` names are set to the right."""
        cells = [[visible(cell) for cell in row] for row in rows]
        if self.terminal:
            self.console.print(self.drawn(headers, cells, numbers))
            return
        widths = [max(len(row[index]) for row in (headers, *cells)) for index in range(len(headers))]
        for row in (headers, *cells):
            padded = (
                cell.rjust(width) if header in numbers else cell.ljust(width)
                for cell, width, header in zip(row, widths, headers, strict=True)
            )
            self._stdout.write("  ".join(padded).rstrip() + "\n")

    def drawn(self, headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> Table:
        """The table as a terminal shows it."""
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for header in headers:
            table.add_column(header, justify="right" if header in numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        return table

    def captured(self, show: "Callable[[Output], None]") -> Text:
        """What would be shown, to be drawn again and again at one place."""
        written = StringIO()
        output = Output(written, self._stderr)
        output.console = Console(
            file=written,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
            force_terminal=True,
            width=self.console.width,
            color_system="standard" if self.console.color_system else None,
        )
        show(output)
        return Text.from_ansi(written.getvalue())

    def document(self, found: object) -> None:
        """The one JSON document of a command."""
        text = json.dumps(found, ensure_ascii=False, indent=2 if self.terminal else None, default=_text)
        self._stdout.write(f"{text}\n")

    def aside(self, text: str) -> None:
        """What a person may want to know, and no program reads: a line on standard error."""
        self._stderr.write(f"{visible(text)}\n")

    def flush(self) -> None:
        self._stdout.flush()


def _text(value: object) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say. document: for programs. show: for people. status: for the shell."""

    document: Any
    show: Callable[[Output], None] = field(compare=False)
    status: Exit = Exit.DONE


def give(answer: Answer, output: Output) -> int:
    """Say it as it was asked for; the exit status."""
    if output.as_json:
        output.document(answer.document)
    else:
        answer.show(output)
    output.flush()
    return int(answer.status)
