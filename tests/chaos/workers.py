"""Seeds on several stacks side by side, each in a process of its own."""

import multiprocessing
import queue
from collections.abc import Iterator

from local.children import interruptible
from tests.chaos.driver import Chaos, Told


def run_all(seeds: list[int], workers: int) -> Iterator[Told]:
    """What became of each seed, as they end; less if a worker dies."""
    spawn = multiprocessing.get_context("spawn")
    to_do, results = spawn.Queue(), spawn.Queue()
    for seed in [*seeds, *[None] * workers]:
        to_do.put(seed)
    processes = [spawn.Process(target=_work, args=(to_do, results), daemon=True) for _ in range(workers)]
    for process in processes:
        process.start()
    try:
        left = len(seeds)
        while left:
            try:
                yield results.get(timeout=2)
                left -= 1
            except queue.Empty:
                if not any(process.is_alive() for process in processes):
                    return
    finally:
        to_do.close()
        to_do.cancel_join_thread()
        for process in processes:
            process.terminate()
            process.join()


def _work(to_do: "multiprocessing.Queue[int | None]", results: "multiprocessing.Queue[Told]") -> None:
    interruptible()
    try:
        with Chaos() as chaos:
            while (seed := to_do.get()) is not None:
                results.put(chaos.run(seed))
    except KeyboardInterrupt:
        return
