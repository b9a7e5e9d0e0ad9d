"""`make up`: the stack, kept running until Ctrl-C, for whoever wants to put objects in and watch.

The `export` lines are printed and written to `.local/env`: `source .local/env` in another terminal.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Mapping

from aiohttp import web

from local import prices, stack_file
from local.children import ROOT, StackError, interruptible
from local.choices import Flavour, chosen_settings
from local.emulators.loopback import HOST, PortTaken, check_free
from local.emulators.serving import listen_http
from local.names import PROJECT
from local.ports import Ports
from local.stack import Stack

BASE_PORT = 8600
BILL_OFFSET = 20
MOST_PORT = 65_535
CLOSE_SECONDS = 10.0
"""Between two looks for runs that have ended, whatever else is scheduled; in the cloud two minutes."""
LOGS = ROOT / ".local" / "logs"


def priced(bill: Mapping[str, int]) -> dict[str, object]:
    """The bill as JSON: counters, their prices, the total."""
    lines = {
        line.counter: {
            "amount": line.amount,
            "dollars": round(line.dollars, 8),
            "what": f"{line.service}: {line.what}",
        }
        for line in prices.priced(bill)
    }
    return {"total_dollars": round(prices.total(bill), 8), "billed": lines, "counters": dict(bill)}


def main() -> int:
    """Exit status for the shell."""
    try:
        base = int(os.environ.get("PORT") or BASE_PORT)
        flavour = Flavour.from_environment()
        if not 0 < base <= MOST_PORT - BILL_OFFSET:
            raise StackError(f"PORT={base} is none: it and the {BILL_OFFSET} above it lie within 1 and {MOST_PORT}")
        ports, bill_port = Ports.from_base(base), base + BILL_OFFSET
        check_free("the bill", bill_port)
        listing, comparing = (float(os.environ.get(name) or 0) for name in ("LIST_SECONDS", "VERIFY_SECONDS"))
        schedule = (listing, comparing, CLOSE_SECONDS)
        interruptible()
        with Stack(flavour, ports, chosen_settings(), schedule, LOGS) as stack:
            _serve_bill(stack, bill_port)
            bill_url = f"http://{HOST}:{bill_port}/"
            own = {**stack.environment, "TRANSFER_URL": stack.url("transfer"), "BILL_URL": bill_url}
            with stack_file.meant(own) as (lines, beside):
                print(lines, flush=True)
                _explain(stack, bill_port)
                if beside:
                    print(f"\nThe stack at {beside} runs on: .local/env means this one until it ends.", flush=True)
                return _watch(stack)
    except KeyboardInterrupt:
        print("\nstopped; nothing is left behind", flush=True)
        return 0
    except PortTaken as taken:
        print(f"the stack cannot run: {taken}, maybe another `make up`; choose another base: PORT=…", file=sys.stderr)
        return 1
    except (StackError, OSError) as error:
        print(f"the stack cannot run: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"PORT, LIST_SECONDS and VERIFY_SECONDS must be numbers: {error}", file=sys.stderr)
        return 1


def _serve_bill(stack: Stack, port: int) -> None:
    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(priced(await asyncio.to_thread(stack.bill)))

    threading.Thread(target=lambda: asyncio.run(listen_http(handle, port)), daemon=True).start()


def _explain(stack: Stack, bill_port: int) -> None:
    override = f"CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://{HOST}:{stack.ports.pubsub}/"
    for name, child in stack.children.items():
        print(f"{name:<10} {HOST}:{child.port}")
    print(
        f"""{"bill":<10} http://{HOST}:{bill_port}/

The lines above are in .local/env; the logs are in .local/logs. In another terminal, for example:

    source .local/env
    aws --endpoint-url $AWS_ENDPOINT_URL_S3 s3 cp README.md s3://$SOURCE_BUCKET/docs/README.md
    {override} CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true \\
      gcloud pubsub topics publish list --project {PROJECT} --message '{{"prefix":"docs/"}}'
    curl "$STORAGE_EMULATOR_HOST/storage/v1/b/$DESTINATION_BUCKET/o?prefix=docs/"
    curl -X POST $TRANSFER_URL/v1/replicate -d '{{"key":"docs/README.md"}}'
    curl $BILL_URL

Ctrl-C stops everything.""",
        flush=True,
    )


def _watch(stack: Stack) -> int:
    """Until interrupted, or until a process dies."""
    while True:
        dead = stack.dead()
        if dead:
            raise StackError(f"{', '.join(dead)} ended by itself:\n{stack.children[dead[0]].tail()}")
        threading.Event().wait(1)


if __name__ == "__main__":
    sys.exit(main())
