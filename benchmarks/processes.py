"""What a process group has used, read from /proc (Linux)."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


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
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) != leader:
                continue
            cpu += sum(int(ticks) for ticks in fields[11:15]) / _TICKS
            peak = max(peak, _peak(folder))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return Usage(cpu, peak)


def reset_peak(leader: int) -> None:
    """Have the peak count from now on. https://www.kernel.org/doc/html/latest/filesystems/proc.html"""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and os.getpgid(int(folder.name)) == leader:
            (folder / "clear_refs").write_text("5")


def _peak(folder: Path) -> int:
    for line in (folder / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
