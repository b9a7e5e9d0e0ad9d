"""A Cloud Scheduler-like clock: publishes a job's message when its time has come, or when told to.

GET  /v1/jobs              the jobs, their schedules, their last ticks
POST /v1/jobs/{name}:run   tick now, as `gcloud scheduler jobs run` does
"""

import asyncio
import base64
import contextlib
import os
import time
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from local.emulators.loopback import HOST


@dataclass(slots=True)
class Job:
    """Publishes a message to a topic every `seconds`; never, if that is 0."""

    topic: str
    seconds: float
    message: bytes = b'{"scheduled": true}'
    last_tick: float | None = None


class Scheduler:
    """Ticks by Pub/Sub's REST surface, which the embedded server and Google's emulator both have."""

    def __init__(self, jobs: dict[str, Job]) -> None:
        self._jobs = jobs
        self._project = os.environ["GOOGLE_CLOUD_PROJECT"]
        self._pubsub = os.environ["PUBSUB_EMULATOR_HOST"]

    async def run(self) -> None:
        """Tick until cancelled."""
        started = time.monotonic()
        due = {name: started + job.seconds for name, job in self._jobs.items() if job.seconds}
        while True:
            await asyncio.sleep(0.2)
            for name, when in due.items():
                if time.monotonic() >= when:
                    due[name] = when + self._jobs[name].seconds
                    with contextlib.suppress(aiohttp.ClientError):
                        await self._tick(self._jobs[name])

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET" and request.path == "/v1/jobs":
            return web.json_response(
                {n: {"topic": j.topic, "seconds": j.seconds, "last_tick": j.last_tick} for n, j in self._jobs.items()}
            )
        name = request.path.removeprefix("/v1/jobs/").removesuffix(":run")
        if request.method == "POST" and request.path.endswith(":run") and name in self._jobs:
            return web.json_response({"messageId": await self._tick(self._jobs[name])})
        return web.json_response({"error": f"no {request.method} {request.path} here"}, status=404)

    async def _tick(self, job: Job) -> str:
        url = f"http://{self._pubsub}/v1/projects/{self._project}/topics/{job.topic}:publish"
        body = {"messages": [{"data": base64.b64encode(job.message).decode()}]}
        async with aiohttp.ClientSession() as http, http.post(url, json=body, raise_for_status=True) as answer:
            job.last_tick = time.time()
            return str((await answer.json())["messageIds"][0])


async def serve(port: int) -> None:
    """Jobs as the environment sets them: LIST_TOPIC every LIST_SECONDS, VERIFY_TOPIC every VERIFY_SECONDS, and every
    CLOSE_SECONDS a look for runs that have ended.
    """
    seconds = {name: float(os.environ.get(f"{name.upper()}_SECONDS", "0")) for name in ("list", "verify", "close")}
    scheduler = Scheduler(
        {
            "list": Job(os.environ["LIST_TOPIC"], seconds["list"]),
            "verify": Job(os.environ["VERIFY_TOPIC"], seconds["verify"]),
            "close": Job(os.environ["VERIFY_TOPIC"], seconds["close"], b'{"close": true}'),
        }
    )
    runner = web.ServerRunner(web.Server(scheduler.handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await scheduler.run()
