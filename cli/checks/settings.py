"""Settings that are valid each by itself, and do not go together or surprise."""

from cli.checks.finding import Finding, ok, warning
from shared.domain.extraneous import DeleteExtras
from shared.settings import Route, Settings, VerifyAfter

_CHECK = "settings"


def settings(given: Settings) -> list[Finding]:
    """What is worth a second look."""
    found = []
    if given.route is Route.CHEAPEST and not given.price_list.expected_sizes:
        text = "ROUTE=cheapest knows nothing of this month's objects, and decides by the price of one more"
        found.append(warning(_CHECK, text, "set job.expected_sizes in PRICES (docs/cost.md)"))
    if given.delete_extras is DeleteExtras.ON and given.verify_after is VerifyAfter.NEVER:
        text = "DELETE_EXTRAS=on deletes after comparisons, and VERIFY_AFTER=never begins none after a run"
        found.append(warning(_CHECK, text, "rely on the schedule of comparisons, or set VERIFY_AFTER"))
    if given.report_bucket is None:
        found.append(warning(_CHECK, "without REPORT_BUCKET no run leaves a report", "name a bucket for them"))
    if given.restore_tier is not None and given.ceiling_bytes is None and given.ceiling_objects is None:
        text = f"RESTORE_TIER={given.restore_tier.value}: a comparison may restore all archived objects, at any price"
        found.append(warning(_CHECK, text, "look at `bucket-transfer plan`, and set CEILING_BYTES or CEILING_OBJECTS"))
    return found or [ok(_CHECK, "valid, and they go together")]
