"""Is the second plan empty? An apply that is never finished changes what runs each time that somebody applies."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

from acceptance.answers import Answer, judged, not_asked
from acceptance.trial import Trial

_ROOT = Path(__file__).resolve().parents[1]
_SECONDS = 900
_SHOWN = 40
_CHANGES = 2
"""https://developer.hashicorp.com/terraform/cli/commands/plan#detailed-exitcode"""


async def second_plan(trial: Trial) -> Answer:
    """Plan again what was applied. TERRAFORM: the command. TFVARS: the file that was applied."""
    if not trial.services.live:
        return not_asked("Terraform has applied nothing on a local stack")
    command = shutil.which(os.environ.get("TERRAFORM") or "terraform")
    if command is None:
        return not_asked("there is no terraform in PATH (TERRAFORM=… names it)")
    tfvars = os.environ.get("TFVARS")
    if not tfvars:
        return not_asked("TFVARS=mine.tfvars must name the file that was applied")
    return await asyncio.to_thread(plan, [command], Path(tfvars))


def plan(command: list[str], tfvars: Path) -> Answer:
    """What a plan's exit status means."""
    asked = [
        *command, f"-chdir={_ROOT / 'terraform'}", "plan", "-detailed-exitcode", "-input=false", "-lock=false",
        "-no-color", f"-var-file={tfvars.resolve()}",
    ]  # fmt: skip
    done = subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode == 0:
        return judged(True, "nothing to change")
    lines = (done.stdout if done.returncode == _CHANGES else done.stderr).strip().splitlines()
    told = [line.strip() for line in lines if line.strip().startswith(("#", "Plan:", "Error"))]
    text = "there are changes" if done.returncode == _CHANGES else f"terraform ended with status {done.returncode}"
    return judged(False, text, {str(number): line for number, line in enumerate(told[:_SHOWN], 1)})
