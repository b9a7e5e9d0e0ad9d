"""`.local/env`: the stack of `make up` that is meant in this folder, as `export` lines for the shell and for
`bucket-transfer`.

Of several stacks it is the one that was started last. When that ends, the file is given back to the one before.
"""

import shlex
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from local.children import ROOT

PATH = ROOT / ".local" / "env"
_SECONDS = 1.0
"""Within which a server of this machine takes a connection."""


def written(environment: Mapping[str, str], path: Path = PATH) -> str:
    """The lines, once they are in the file."""
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    path.parent.mkdir(exist_ok=True)
    path.write_text(lines)
    return lines


@contextmanager
def meant(environment: Mapping[str, str], path: Path = PATH) -> Iterator[tuple[str, str]]:
    """Have the file mean this stack for as long as it runs. The lines, and where the stack is that was meant before and
    runs on, "" for none.
    """
    before = path.read_text() if path.is_file() else ""
    beside = _running(before)
    lines = written(environment, path)
    try:
        yield lines, beside
    finally:
        if path.is_file() and path.read_text() == lines:  # else one that was started later has it
            if _running(before):
                path.write_text(before)
            else:
                path.unlink()


def _running(lines: str) -> str:
    """The address of the stack's S3, "" where nothing listens."""
    names = (line.removeprefix("export ").partition("=") for line in lines.splitlines())
    address = urlsplit("".join(value for name, _, value in names if name == "AWS_ENDPOINT_URL_S3"))
    try:
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=_SECONDS):
            return address.netloc
    except (OSError, ValueError):
        return ""
