"""The application: its commands in the order in which a person meets them, and the process around it."""

import sys
from typing import Annotated

import typer

from cli import (
    compare,
    cutover,
    doctor,
    drop,
    entries,
    explain,
    failures,
    forget,
    plan,
    report,
    run,
    runs,
    status,
    steering,
    use,
    verify,
)
from cli.exits import TEXT
from shared.version import VERSION

NAME = "bucket-transfer"

app = typer.Typer(
    name=NAME,
    help="Watch and steer a job that moves an S3 bucket into Cloud Storage.",
    epilog=TEXT,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{NAME} {VERSION}")
        raise typer.Exit


@app.callback()
def _app(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


for module in (
    doctor,
    status,
    runs,
    report,
    compare,
    cutover,
    run,
    verify,
    steering,
    explain,
    failures,
    drop,
    entries,
    forget,
    plan,
    use,
):
    module.register(app)


def main() -> int:
    """Exit status for the shell."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    app(prog_name=NAME)
    return 0
