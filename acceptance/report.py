"""The answers, as a table for people and as JSON to send back."""

import json
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from acceptance.answers import Answer, Question, Verdict
from acceptance.services import names_of_yours
from acceptance.trial import Trial

Answered = Sequence[tuple[Question, Answer]]

_STYLES = {Verdict.GOOD: "green", Verdict.BAD: "red", Verdict.NOT_ASKED: "yellow"}
_SHOWN = 12
"""Details of an answer in the table's text; the file has all."""


def show(console: Console, trial: Trial, answered: Answered) -> None:
    """The table, then what to do about bad answers, and what was left out."""
    table = Table("question", "", "answer", title=f"Answers of {_where(trial)}")
    if not trial.services.live:
        table.caption = "They say that the questions can be asked, and nothing of what AWS and Google would answer."
    for question, answer in answered:
        verdict = Text(answer.verdict, style=_STYLES[answer.verdict])
        table.add_row(Text(question.name), verdict, Text(answer.text))
    console.print(table)
    for question, answer in answered:
        if answer.verdict is Verdict.BAD:
            console.print(Text(f"BAD  {question.name}", style="red"))
            for name, value in [*answer.details.items()][:_SHOWN]:
                console.print(Text(f"     {name}: {value}"))
            console.print(Text(f"     why it matters: {question.why}"))
            console.print(Text(f"     what to change: {question.if_bad}"))
    for name, why in trial.left_out.items():
        console.print(Text(f"not written: {name!r}: {why}"))


def write(path: Path, trial: Trial, answered: Answered) -> None:
    """All of it as JSON; names of a person's own are replaced by the settings that hold them."""
    given = trial.services.settings
    found = {
        "where": _where(trial),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "settings": {
            "ROUTE": given.route,
            "CDN_AUTH": given.cdn_auth,
            "AWS_REGION": given.aws_region,
            "LARGE_BYTES": given.large_bytes,
            "UNSUPPORTED_NAMES": given.unsupported_names,
        },
        "written": [case.name for case in trial.cases],
        "left_out": trial.left_out,
        "answers": [
            {
                "question": question.name,
                "why": question.why,
                "how": question.how,
                "verdict": answer.verdict,
                "answer": answer.text,
                "details": answer.details,
                "if_bad": question.if_bad,
            }
            for question, answer in answered
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(without(json.dumps(found, indent=2, ensure_ascii=False), names_of_yours(given)) + "\n")


def without(text: str, names: Mapping[str, str]) -> str:
    """A text with names replaced, where they stand as names, the longest first; and with AWS accounts' numbers."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", names[name], text)
    return re.sub(r"(?<!\d)\d{12}(?!\d)", "ACCOUNT", text)


def _where(trial: Trial) -> str:
    return "the live services" if trial.services.live else "a local stack"
