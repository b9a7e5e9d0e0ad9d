"""Firestore: is it reached, and does every query have its index?"""

from cli.checks.finding import Finding, failed, ok, warning
from cli.session import Session
from shared.bootstrap import missing_indexes
from shared.domain.errors import BucketError


async def state(session: Session) -> list[Finding]:
    """The job's documents."""
    try:
        paused = (await session.admin.stores.control.get()).paused
    except BucketError as error:
        mend = "check GOOGLE_CLOUD_PROJECT, FIRESTORE_DATABASE, and your rights (roles/datastore.user)"
        return [failed("state store", str(error), mend)]
    found = [ok("state store", "Firestore answers")]
    if paused:
        found.append(warning("state store", "the job is paused", "`bucket-transfer resume` goes on"))
    asked, refused = await missing_indexes(session.settings)
    mend = "apply terraform/firestore.indexes.json, and wait until indexes are built"
    found += [failed("indexes", f"{name}: {why}", mend) for name, why in refused.items()]
    return found if refused else [*found, ok("indexes", f"each of {asked} queries has its index")]
