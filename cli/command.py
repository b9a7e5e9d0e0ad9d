"""What every command shares: how it names its job, how it answers, what it says when it cannot."""

import asyncio
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape

from cli import session
from cli.exits import CommandError, Exit
from cli.output import Answer, Output, give
from cli.profiles import Profiles
from shared.domain.errors import BucketError

Run = TypeVar("Run", bound=Callable[..., Awaitable[Answer]])


def saved_names(incomplete: str) -> list[str]:
    """For the shell's completion."""
    return [name for name in Profiles(os.environ).names() if name.startswith(incomplete)]


JobName = Annotated[
    str | None,
    typer.Option(
        "--job",
        "-j",
        metavar="NAME",
        envvar="BUCKET_TRANSFER_JOB",
        autocompletion=saved_names,
        help="The job: one saved by `use`, or the name of the one that is found here.",
    ),
]
Terraform = Annotated[
    Path | None,
    typer.Option("--terraform", metavar="DIR", help="The Terraform configuration that the job was applied from."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say where the job was found.")]

_SHARED: dict[str, tuple[Any, Any]] = {
    "job": (JobName, None),
    "terraform": (Terraform, None),
    "as_json": (AsJson, False),
    "verbose": (Verbose, False),
}


def command(app: typer.Typer, name: str, examples: Sequence[str]) -> Callable[[Run], Run]:
    """Make a coroutine function a command: it gets a Session and its own parameters, and returns an Answer."""

    def register(run: Run) -> Run:
        _, *own = inspect.signature(run, eval_str=True).parameters.values()
        keyword = inspect.Parameter.KEYWORD_ONLY
        shared = [
            inspect.Parameter(name, keyword, default=default, annotation=annotation)
            for name, (annotation, default) in _SHARED.items()
        ]
        every = [*(parameter.replace(kind=keyword) for parameter in own), *shared]

        def call(**given: Any) -> None:
            job, terraform, as_json, verbose = (given.pop(name) for name in _SHARED)
            output = Output(sys.stdout, sys.stderr, as_json)
            status = reported(output, lambda: _carry_out(run, given, job, terraform, output, verbose))
            raise typer.Exit(status)

        call.__doc__ = inspect.getdoc(run)
        call.__dict__["__signature__"] = inspect.Signature(every)
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in every}
        shown = "\n\n".join(["Examples:", *(f"  {escape(f'bucket-transfer {example}')}" for example in examples)])
        app.command(name, epilog=shown)(call)
        return run

    return register


def _carry_out(
    run: Callable[..., Awaitable[Answer]],
    given: dict[str, Any],
    job: str | None,
    terraform: Path | None,
    output: Output,
    verbose: bool,
) -> int:
    async def answered() -> Answer:
        opened = session.open_session(job, terraform, output)
        if verbose:
            output.aside(f"job {opened.settings.job!r}, from {opened.found.where}")
        return await run(opened, **given)

    return give(asyncio.run(answered()), output)


def reported(output: Output, work: Callable[[], int]) -> int:
    """The exit status of some work; one line on standard error for what kept it from being done."""
    try:
        return work()
    except BrokenPipeError:
        raise  # nobody reads any more: the program ends without a word
    except Exception as why:
        if not isinstance(why, _expected()):
            raise
        output.aside(f"bucket-transfer: {'; '.join(line.strip() for line in str(why).splitlines() if line.strip())}")
        return int(why.status if isinstance(why, CommandError) else Exit.FAILED)


def _expected() -> tuple[type[Exception], ...]:
    """What is nobody's mistake in here. The providers' libraries are imported by whoever has used them."""
    from botocore.exceptions import BotoCoreError, ClientError
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    return CommandError, BucketError, OSError, GoogleAPICallError, GoogleAuthError, ClientError, BotoCoreError
