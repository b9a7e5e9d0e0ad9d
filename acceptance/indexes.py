"""Does every Firestore query have its index?"""

from acceptance.answers import Answer, judged
from acceptance.trial import Trial
from shared.gcp.firestore.queries import queries, refusals
from shared.telemetry import Log


async def every_query(trial: Trial) -> Answer:
    """Ask each query of the functions."""
    asked = queries(trial.services.firestore, trial.services.settings.job, Log("ERROR"))
    refused = await refusals(asked)
    good = f"{len(asked)} queries, each has its index"
    return judged(not refused, good if not refused else f"{len(refused)} of {len(asked)} queries are refused", refused)
