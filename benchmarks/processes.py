"""What a process group has used, read from /proc (Linux)."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local.children import ROOT, clean_environment
from local.stack import Stack

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """cpu_seconds: user + system. peak_bytes: the largest resident set of any process of the group."""

    cpu_seconds: float
    peak_bytes: int

    def since(self, before: "Usage") -> "Usage":
        return Usage(self.cpu_seconds - before.cpu_seconds, self.peak_bytes)


def of_group(leader: int) -> Usage:
    """The usage of every living process in the group that `leader` leads, with that of its ended children."""
    cpu, peak = 0.0, 0
    for folder, fields in _members(leader):
        with suppress(FileNotFoundError, ProcessLookupError):
            peak = max(peak, _peak(folder))
            cpu += sum(int(ticks) for ticks in fields[11:15]) / _TICKS
    return Usage(cpu, peak)


def reset_peak(leader: int) -> None:
    """Have the peak count from now on. https://www.kernel.org/doc/html/latest/filesystems/proc.html"""
    for folder, _ in _members(leader):
        (folder / "clear_refs").write_text("5")


def _members(leader: int) -> Iterator[tuple[Path, list[str]]]:
    """The living processes of a group: folder, and the fields of its stat from the state on."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == leader:
                yield folder, fields


def _peak(folder: Path) -> int:
    for line in (folder / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def spawned(command: Sequence[str], stack: Stack) -> tuple[float, Usage]:
    """Run a client to its end: wall seconds, and what it used."""
    started = time.monotonic()
    environment = clean_environment(stack.environment)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout.read() if process.stdout is not None else b""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed:\n{output.decode(errors='replace')[-2000:]}")
    return time.monotonic() - started, Usage(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


@dataclass(frozen=True, slots=True)
class Held:
    """What a process group holds at a moment: bytes of resident memory, open sockets without those that others opened
    to it, threads.
    """

    resident_bytes: int
    sockets: int
    threads: int


def held_by(leader: int, port: int) -> Held:
    """What all living processes of the group that `leader` leads, and that listens on `port`, hold together. How many
    connections wait there is up to who makes them.
    """
    resident = threads = 0
    sockets = set[str]()
    for folder, fields in _members(leader):
        with suppress(FileNotFoundError, ProcessLookupError):
            resident += int(fields[21]) * _PAGE
            threads += int(fields[17])
            for item in (folder / "fd").iterdir():
                with suppress(FileNotFoundError):
                    sockets.add(os.readlink(item))
    opened = {name for name in sockets if name.startswith("socket:")} - _at(port)
    return Held(resident, len(opened), threads)


def _at(port: int) -> set[str]:
    """Sockets of TCP whose own end is the port, as /proc names them. Fields of a line: number, own address and port
    (hexadecimal), the other's, state, queues, timer, retransmissions, user, timeouts, inode
    (https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html).
    """
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{line[9]}]" for line in lines if int(line[1].rpartition(":")[2], 16) == port}
