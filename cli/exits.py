"""What the exit status says. docs/cli.md and `--help` have the same words."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit status of every command."""

    DONE = 0
    """Done, and the answer is yes."""
    FAILED = 1
    """It could not be done; one line on standard error says why."""
    USAGE = 2
    """The command line itself is wrong."""
    NOT_SO = 3
    """It was done, and the answer is no: paused, not found, not copied, keys have failed."""


TEXT = "Exit status: 0 done; 1 failed, with one line that says why; 2 wrong usage; 3 done, and the answer is no."


class CommandError(Exception):
    """What keeps a command from being done, in one sentence for the person who typed it."""

    def __init__(self, sentence: str, status: Exit = Exit.FAILED) -> None:
        super().__init__(sentence)
        self.status = status
