"""`make acceptance`, and `make acceptance LIVE=1` after the first apply.

LIVE: ask the live services, with a job's settings in the environment. TFVARS: the file that was applied.
OUT: where the answers go. Exit status 0 only if no answer is bad.
"""

import asyncio
import os
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from rich.console import Console

from acceptance import cleanup, report
from acceptance.answers import Answer, Question, Verdict, judged
from acceptance.cases import cases, write
from acceptance.questions import QUESTIONS
from acceptance.services import connect
from acceptance.trial import Trial
from local.children import ROOT, StackError, interruptible
from local.choices import chosen_settings
from local.sample import MIB
from local.stack import Stack
from shared.domain.errors import BucketError, SettingsError

FAULTS = (
    ClientError,
    BotoCoreError,
    GoogleAPICallError,
    GoogleAuthError,
    BucketError,
    OSError,
    subprocess.SubprocessError,
)
"""What services and networks do. Anything else is a mistake of this program's."""

LOCAL = {"LARGE_BYTES": str(16 * MIB), "PART_BYTES": str(8 * MIB)}
"""Small enough for a case above it."""

AS_DEPLOYED = {"EDGE_ERROR_SECONDS": "0"}
"""The local edge as the distribution that Terraform makes."""


async def trial(console: Console, live: bool, out: Path) -> bool:
    """Write, ask, judge, tell, clean up. Whether no answer is bad."""
    services = connect(live)
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    going = Trial(services, f"{services.settings.source_prefix}acceptance-{stamp}/")
    cleanup.must_be_empty(going)
    console.print(f"writing below s3://{services.settings.source_bucket}/{going.prefix}", markup=False)
    try:
        await asyncio.to_thread(_write, going)
        if not going.cases:
            raise SettingsError(f"S3 took none of the objects: {next(iter(going.left_out.values()))}")
        console.print(f"wrote {len(going.cases)} objects; asking {len(QUESTIONS)} questions")
        answered = [(question, await asked(question, going)) for question in QUESTIONS]
        report.show(console, going, answered)
        report.write(out, going, answered)
        console.print(f"the answers are in {out}", markup=False)
    finally:
        console.print(await asyncio.to_thread(cleanup.clean, going), markup=False)
    return all(answer.verdict is not Verdict.BAD for _, answer in answered)


def _write(going: Trial) -> None:
    given = going.services.settings
    for case in cases(given, going.prefix):
        refused = write(going.services.s3, given.source_bucket, going.prefix, case)
        if refused:
            going.left_out[case.name] = refused
        else:
            going.cases.append(case)
    if not any(case.size > given.large_bytes for case in going.cases):
        going.left_out["size/large-in-parts"] = f"LARGE_BYTES is {given.large_bytes:,}: docs/acceptance.md"


async def asked(question: Question, going: Trial) -> Answer:
    """The answer; a service that refuses to be asked has answered, too."""
    try:
        return await question.ask(going)
    except FAULTS as error:
        return judged(False, f"could not be asked: {type(error).__name__}: {error}")


def main() -> int:
    """Exit status for the shell."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    live = bool(os.environ.get("LIVE"))
    out = Path(os.environ.get("OUT") or ROOT / ".local" / f"acceptance-{'live' if live else 'local'}.json")
    interruptible()
    try:
        if live:
            return 0 if asyncio.run(trial(console, live, out)) else 1
        with Stack(settings={**LOCAL, **chosen_settings()}, servers=AS_DEPLOYED) as stack:
            os.environ.update({**stack.environment, **stack.function_environment})
            return 0 if asyncio.run(trial(console, live, out)) else 1
    except (*FAULTS, StackError, cleanup.NotEmpty) as error:
        console.print(f"the acceptance cannot go on: {error}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
