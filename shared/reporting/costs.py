"""What a run cost, about: by service, and beside what was to be expected of it and what other ways would have cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.progress import Progress
from shared.domain.routes import CLOUDFRONT, DIRECT
from shared.domain.runs import RunKind
from shared.pricing.estimate import STANDARD, Item, Use, bill, split, total
from shared.pricing.forecast import CHEAPEST, FLAT_RATE, Wanted, cost, routes
from shared.pricing.money import NOTHING, with_sign
from shared.pricing.speed import objects_a_second
from shared.reporting.model import INSTANCE_GIB, Report
from shared.reporting.table import Cell, Row, Table
from shared.reporting.units import in_units

_WAYS = {
    CLOUDFRONT: "all through CloudFront",
    DIRECT: "all straight from S3",
    CHEAPEST: "each object by the cheaper way",
    FLAT_RATE: "a flat-rate plan of CloudFront, for a month",
}


@dataclass(frozen=True, slots=True)
class Other:
    """A way to copy the same objects. share: of the dearest (0 to 1). kind: this, plan or other."""

    name: str
    dollars: float
    share: float
    kind: str

    @property
    def shown(self) -> str:
        """Its dollars."""
        return with_sign(self.dollars)


@dataclass(frozen=True, slots=True)
class Costs:
    """dollars: of all. table: by service. note: whose prices, and what is not in it. others: this run and the other
    ways; against: the run beside its forecast, in words. Empty where nothing was copied, and of a comparison, which
    costs what it reads.
    """

    dollars: float
    table: Table
    note: str
    others: Sequence[Other]
    against: str


def costs(report: Report) -> Costs:
    """Without what is free every month: that is the account's, and other traffic may have used it up."""
    prices = report.prices.without_allowances()
    use = report.use()
    items = list(bill(use, prices))
    rows: list[Row] = [(item.service, _what(item), _amount(item), Cell.dollars(item.dollars)) for item in items]
    unavoidable, added = split(items)
    sums = (("together", unavoidable + added), ("nobody can avoid", unavoidable), ("this project adds", added))
    feet: list[Row] = [(name, "", "", Cell.dollars(dollars)) for name, dollars in sums]
    free = total(items) - total(bill(use, report.prices))
    note = (
        f"List prices of {prices.published:%Y-%m-%d} in their tiers, to three figures; an estimate from what the run "
        "counted. Reads of Firestore are not in it, and instances only as their heartbeats tell."
    )
    if free > NOTHING:
        note += f" What is free every month, here worth at most {with_sign(free)}, is not taken off."
    if not prices.listed:
        note += f" The list does not name the bucket's region: the prices of {prices.region} stand in."
    table = Table("what it cost", ("service", "what", "amount", "US$"), rows, feet=feet)
    copies = report.kind is not RunKind.VERIFY and report.copied[0]
    others, against = _others(report, use, total(items)) if copies else ([], "")
    return Costs(total(items), table, note, others, against)


def _what(item: Item) -> str:
    return f"{item.what}, added" if item.added else item.what


def _amount(item: Item) -> str:
    return item.amount if item.bytes is None else in_units(item.bytes)


def _others(report: Report, use: Use, dollars: float) -> tuple[list[Other], str]:
    prices = report.prices.without_allowances()
    found = {name: cost(items) for name, items in routes(_wanted(report, use), prices, report.plans).items()}
    named = [("this run", dollars, "this")]
    named += [
        (f"{_WAYS[name]}{', as the job is set' if name == report.route else ''}", amount, _kind(report, name))
        for name, amount in found.items()
    ]
    most = max(amount for _, amount, _ in named) or 1.0
    others = [Other(name, amount, amount / most, kind) for name, amount, kind in named]
    planned = found.get(report.route)
    if planned is None:
        return others, ""
    ratio = dollars / planned - 1 if planned else 0.0
    how = f"{abs(ratio):.1%} {'more' if ratio > 0 else 'less'}" if abs(ratio) >= 0.0005 else "the same"
    against = f"This run: {with_sign(dollars)}. Forecast for the same objects by the job's way: {with_sign(planned)}; "
    against += f"the run cost {how}." if how == "the same" else f"the run cost {how} than that."
    if report.most_dollars is not None:
        against += f" Its ceiling is {with_sign(report.most_dollars)}."
    return others, f"{against} The forecast counts no retries, and none of what a fall-back to S3 adds."


def _kind(report: Report, name: str) -> str:
    return "plan" if name == report.route else "other"


def _wanted(report: Report, use: Use) -> Wanted:
    """The copied objects, as a plan of them would have them. Their sizes are those that the heartbeats told."""
    keys, size = report.copied
    sizes = _sizes(report.progress, keys, size)
    classes = {**use.classes}
    rest = sum(objects for objects, _ in classes.values()), sum(amount for _, amount in classes.values())
    classes[STANDARD] = max(keys - rest[0], 0), max(size - rest[1], 0)
    seconds = sum(objects / objects_a_second(mean, report.places) for mean, (objects, _) in sizes.items())
    return Wanted(use.listed, sizes, classes, report.keys_per_message, seconds, INSTANCE_GIB, use.written)


def _sizes(progress: Progress, keys: int, size: int) -> dict[float, tuple[int, int]]:
    """By mean size; what the heartbeats did not tell of is taken to be like the rest."""
    told = {bits: amount for bits, amount in progress.sizes.items() if amount[0]}
    if not told:
        return {size / keys: (keys, size)}
    of_keys, of_bytes = keys / sum(n for n, _ in told.values()), size / max(sum(m for _, m in told.values()), 1)
    found = {bits: (round(n * of_keys), round(m * of_bytes)) for bits, (n, m) in told.items()}
    return {amount / objects: (objects, amount) for objects, amount in found.values() if objects}
