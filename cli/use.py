"""`use`: save a job under a name, and mean it from now on where none is named."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli import job
from cli.command import AsJson, Terraform, reported
from cli.exits import CommandError
from cli.output import Answer, Output, give
from cli.profiles import Profiles
from shared.settings import Settings, load

_EXAMPLES = ("use photos --terraform terraform", "use photos")


def register(app: typer.Typer) -> None:
    shown = "\n\n".join(["Examples:", *(f"  {escape(f'bucket-transfer {example}')}" for example in _EXAMPLES)])
    app.command("use", epilog=shown)(use)


def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to save the job under, or a saved one.")],
    terraform: Terraform = None,
    as_json: AsJson = False,
) -> None:
    """Mean this job from now on, in every folder.

    A name that is new, or comes with --terraform, is saved first: with the settings of the configuration, of the
    environment, or of ./terraform. Credentials are not saved: AWS's and Google's own tools keep them.
    """
    output = Output(sys.stdout, sys.stderr, as_json)
    raise typer.Exit(reported(output, lambda: give(_use(name, terraform), output)))


def _use(name: str, terraform: Path | None) -> Answer:
    profiles = Profiles(os.environ)
    saved = terraform is not None or profiles.read(name) is None
    if saved:
        found = job.find(None, terraform, os.environ, Path.cwd(), saved=False)
        if found.environment.get("AWS_ENDPOINT_URL_S3"):
            raise CommandError("the local stack is found by itself while it runs: there is nothing to save")
        load(found.environment)
        settings = {field.upper() for field in Settings.model_fields}
        profiles.save(name, {key: value for key, value in found.environment.items() if key in settings})
    given = load(profiles.read(name) or {})
    profiles.use(name)
    document = {
        "job": given.job,
        "saved_as": name,
        "file": str(profiles.path(name)),
        "source": f"s3://{given.source_bucket}/{given.source_prefix}",
        "destination": f"gs://{given.destination_bucket}",
    }

    def show(output: Output) -> None:
        what = "saved, and meant" if saved else "meant"
        output.line(f"{name}: {document['source']} to {document['destination']}, {what} from now on")

    return Answer(document, show)
