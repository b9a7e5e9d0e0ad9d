"""How many keys a command has gone over so far, where a person waits for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress, TextColumn

from cli.output import Output


@contextmanager
def counting_keys(output: Output, doing: str, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Takes the number of keys so far. Nothing is drawn where nobody looks, or something else is written there."""
    drawn = shown and output.interactive and not output.as_json
    columns = TextColumn(f"{doing}: {{task.fields[keys]:,}} keys")
    with Progress(columns, console=output.console, transient=True, disable=not drawn) as progress:
        task = progress.add_task(doing, total=None, keys=0)
        yield lambda keys: progress.update(task, keys=keys)
