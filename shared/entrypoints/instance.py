"""What an instance of a function keeps between its invocations."""

import threading

from shared import bootstrap
from shared.bootstrap import App, JobConfig
from shared.entrypoints import runtime
from shared.entrypoints.heap import keep_freed_memory
from shared.ports.queue import Queue
from shared.telemetry import Log
from shared.version import VERSION


class Instance:
    """Settings and log at once, so that a start with wrong settings stops; everything connected by the first use.

    function: named in every line of the log.
    """

    def __init__(self, function: str) -> None:
        self.settings = bootstrap.settings()
        self.log = Log(self.settings.log_level, job=self.settings.job, function=function)
        self.log.info("an instance starts", version=VERSION)
        if function == "transfer":
            keep_freed_memory()
        self._lock = threading.Lock()
        self._app: App | None = None
        self._queue: Queue | None = None

    def app(self) -> App:
        """The use cases, connected to the instance's loop. Called from the functions' threads."""
        with self._lock:
            if self._app is None:
                self._app = runtime.run(self._connect())
                runtime.spare_what_stays()
            return self._app

    def queue(self) -> Queue:
        """Where messages go, also while nothing else can be connected. Called on the instance's loop."""
        if self._queue is None:
            self._queue = bootstrap.connect_queue(self.settings)
        return self._queue

    async def _connect(self) -> App:
        return bootstrap.bootstrap(await bootstrap.connect(self.settings), JobConfig.of(self.settings))
