"""The three functions in deployed shape: which there are, what each listens to, how one runs."""

import sys
from collections.abc import Mapping
from pathlib import Path

from local.children import ROOT, Child, clean_environment
from local.emulators.loopback import HOST
from local.names import LIST, TRANSFER, VERIFY

FUNCTIONS = {"lister": LIST, "transfer": TRANSFER, "verifier": VERIFY}
"""The topic whose messages are pushed to each."""

SIGNATURES = {"transfer": "http"}
"""The transfer answers requests besides messages."""


def function_process(name: str, port: int, environment: Mapping[str, str], logs: Path, tree: Path = ROOT) -> Child:
    """A function under functions-framework, as Cloud Run runs it: each with a place of its own for gunicorn's control
    socket, because neighbours take it away from one another. tree: the source tree.
    """
    own = logs / f"{name}.run"
    own.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "functions_framework",
        f"--source=functions/{name}/main.py",
        f"--target={name}",
        f"--signature-type={SIGNATURES.get(name, 'cloudevent')}",
        f"--host={HOST}",
        f"--port={port}",
    ]
    more = {**environment, "THREADS": "32", "CLOUD_RUN_TIMEOUT_SECONDS": "600", "XDG_RUNTIME_DIR": str(own)}
    return Child(name, command, clean_environment(more), port, logs / f"{name}.log", tree)
