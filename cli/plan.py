"""`plan`: what there is to copy, what it would cost by each way, and how long it would take. It changes nothing."""

from math import floor, log
from typing import Annotated, Any

import typer

from cli.command import command
from cli.counts import tally
from cli.exits import CommandError, Exit
from cli.output import Answer, Output, dollars, size
from cli.progress import counting_keys
from cli.scope import typed
from cli.session import Session
from cli.survey import Survey
from shared.domain.keys import Key
from shared.domain.text import numbered
from shared.pricing.catalog import read
from shared.pricing.forecast import by_service, cost, routes
from shared.pricing.money import in_dollars
from shared.pricing.restores import restore_prices
from shared.reporting.units import in_time

_STEP = 16

_INSTANCES = (1, 10, 100, 300, 1000)


def register(app: typer.Typer) -> None:
    command(app, "plan", ("plan", "plan photos/ --most 200000 --objects 3000000000"))(plan)


async def plan(
    session: Session,
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="Only keys that begin so; else the job.")] = "",
    most: Annotated[int, typer.Option(min=1, help="The most keys to list; a million costs half a cent.")] = 10**6,
    objects: Annotated[
        int | None, typer.Option(min=1, help="How many there are, where not all are listed: the forecast is for these.")
    ] = None,
) -> Answer:
    """What a first copy would be: how much, what is left out and why, the bill by each way, the hours. Changes nothing.

    Lists the source in the order of its keys, up to --most of them. Where that is not all, it says so, and the forecast
    is for as many --objects of the same kind (CloudWatch's NumberOfObjects has their number). As if nothing were copied
    yet, and all within a month.
    """
    survey = await _surveyed(session, typed(session, prefix), most)
    listed = survey.listed.total_keys
    if objects is not None and survey.complete and objects != listed:
        raise CommandError(f"all {listed:,} objects were listed: --objects is for where they were not", Exit.USAGE)
    times = objects / listed if objects is not None and listed else 1.0
    document = _document(session, prefix, survey, times)
    return Answer(document, lambda output: _show(document, survey, output))


async def _surveyed(session: Session, prefix: Key, most: int) -> Survey:
    survey = Survey(session.config)
    with counting_keys(session.output, "listing") as tell:
        async for page in session.source.pages(prefix or session.config.root, b""):
            left = most - survey.listed.total_keys
            survey.add(page.part(0, left))
            tell(survey.listed.total_keys)
            if left < len(page):
                return survey
    survey.complete = True
    return survey


def _document(session: Session, prefix: str, survey: Survey, times: float) -> dict[str, Any]:
    prices, wanted = session.config.prices, survey.wanted(times)
    catalog = read(session.settings.prices)
    bills = routes(wanted, prices, catalog.plans.values())
    return {
        "prefix": prefix,
        "complete": survey.complete,
        "listed": {"keys": survey.listed.total_keys, "bytes": survey.listed.total_bytes},
        "filtered": tally(survey.filtered),
        "archived": {
            name: {
                "keys": keys,
                "bytes": amount,
                "restore_dollars": {
                    tier.value: round(dollars, 6)
                    for tier, dollars in restore_prices(prices, name, keys, amount, session.config.restore_days)
                },
            }
            for name, keys, amount in survey.archived
        },
        "unsupported": {
            reason: {"keys": keys, "bytes": amount, "examples": [key.decode() for key in survey.examples[reason]]}
            for reason, keys, amount in survey.unsupported
        },
        "to_copy": {"keys": survey.classes.total_keys, "bytes": survey.classes.total_bytes},
        "storage_classes": tally(survey.classes),
        "sizes": _by_size(survey),
        "forecast_for": {
            "keys": wanted.objects,
            "bytes": wanted.bytes,
            "further_parts": wanted.further_parts,
            "times": times,
        },
        "route": session.settings.route.value,
        "routes": {
            name: {
                "dollars": round(cost(items), 6),
                "services": {service: round(dollars, 6) for service, dollars in by_service(items).items()},
            }
            for name, items in bills.items()
        },
        "prices": {"published": str(prices.published), "region": prices.region, "of_this_region": prices.listed},
        "instance_seconds": round(wanted.seconds, 3),
        "hours": {str(instances): round(wanted.seconds / instances / 3600, 4) for instances in _INSTANCES},
    }


def _by_size(survey: Survey) -> list[dict[str, int]]:
    """Objects by power of sixteen of their bytes: 256, 4 KiB, 64 KiB, 1 MiB and so on."""
    found: dict[int, tuple[int, int]] = {}
    for mean, (objects, amount) in survey.sizes.items():
        below = _STEP ** (floor(log(mean, _STEP)) + 1) if mean >= 1 else 1
        known = found.get(below, (0, 0))
        found[below] = known[0] + objects, known[1] + amount
    return [{"below": below, "keys": found[below][0], "bytes": found[below][1]} for below in sorted(found)]


def _show(document: dict[str, Any], survey: Survey, output: Output) -> None:
    listed, copied = document["listed"], document["to_copy"]
    whole = "" if document["complete"] else f"; NOT ALL: only the first {numbered(listed['keys'], 'key')} listed"
    output.line(f"{numbered(listed['keys'], 'object')}, {size(listed['bytes'])} listed{whole}")
    rows = [("to copy", "", copied)]
    rows += [("filtered", name, amount) for name, amount in document["filtered"].items()]
    rows += [("archived", name, amount) for name, amount in document["archived"].items()]
    rows += [("unsupported", reason, amount) for reason, amount in document["unsupported"].items()]
    numbers = ("objects", "bytes")
    cells = [(what, name, f"{amount['keys']:,}", size(amount["bytes"])) for what, name, amount in rows]
    output.table(("what", "why", *numbers), cells, numbers=numbers)
    for reason, amount in document["unsupported"].items():
        more = ", …" if amount["keys"] > len(amount["examples"]) else ""
        output.line(f"  {reason}: {', '.join(amount['examples'])}{more}")
    for name, amount in document["archived"].items():
        tiers = ", ".join(f"{tier} {dollars(price)}" for tier, price in amount["restore_dollars"].items())
        output.line(f"  {name}: must be restored first ({tiers or 'no price is known'})")
    output.line("")
    output.table(
        ("size", *numbers),
        [(_sized(item["below"]), f"{item['keys']:,}", size(item["bytes"])) for item in document["sizes"]],
        numbers=("size", *numbers),
    )
    if len(document["storage_classes"]) > 1:
        output.line("")
        classes = [(name, f"{a['keys']:,}", size(a["bytes"])) for name, a in document["storage_classes"].items()]
        output.table(("class", *numbers), classes, numbers=numbers)
    _show_forecast(document, output)


def _show_forecast(document: dict[str, Any], output: Output) -> None:
    of, prices = document["forecast_for"], document["prices"]
    output.line("")
    guessed = "" if of["times"] == 1 else ", as if all were like those that were listed"
    output.line(f"forecast of a first copy of {numbered(of['keys'], 'object')}, {size(of['bytes'])}{guessed}:")
    services = list(dict.fromkeys(name for route in document["routes"].values() for name in route["services"]))
    names = list(document["routes"])
    rows = [
        (service, *(_cell(document["routes"][name]["services"].get(service, 0.0)) for name in names))
        for service in services
    ]
    rows.append(("total", *(_cell(document["routes"][name]["dollars"]) for name in names)))
    output.table(("US$ for", *names), rows, numbers=names)
    region = "" if prices["of_this_region"] else ", for want of those of the bucket's region"
    output.line("0: what the month's free allowances cover, if nothing else uses them")
    output.line(f"prices of {prices['published']}, region {prices['region']}{region}")
    output.line(f"the job's route is {document['route']}; all is taken to be copied within a month")
    output.line("what the job has copied already is not left out: nothing but the source is looked at")
    output.line("not in it: KMS, logs, what is kept at either side, requests that have to be made again")
    hours = "; ".join(
        f"{numbered(int(instances), 'instance')} {in_time(float(hours) * 3600)}"
        for instances, hours in document["hours"].items()
    )
    output.line(f"copying takes about: {hours}. Services may be slower than instances: see docs/performance.md")


def _sized(below: int) -> str:
    """A row's name in the table of sizes."""
    return f"below {size(below)}" if below > 1 else "empty"


def _cell(amount: float) -> str:
    """US$ in a table."""
    return "< 0.01" if 0 < amount < 0.01 else in_dollars(amount)
