"""One job's stores in Firestore, all below jobs/{job}, one kind of document a file.

The composite indexes that the queries need are in terraform/firestore.indexes.json.
"""

from google.cloud.firestore import AsyncClient

from shared.gcp.firestore.control import FirestoreControl
from shared.gcp.firestore.extras import FirestoreExtras
from shared.gcp.firestore.ledger import FirestoreLedger
from shared.gcp.firestore.prefixes import FirestorePrefixes
from shared.gcp.firestore.ranges import FirestoreRanges
from shared.gcp.firestore.rejected import FirestoreRejected
from shared.gcp.firestore.runs import FirestoreRuns
from shared.gcp.firestore.uploads import FirestoreUploads
from shared.ports.log import Log
from shared.ports.stores import Stores


def firestore_stores(project: str, database: str, job: str, log: Log) -> Stores:
    """Must be called on the loop that uses them: they share one connection."""
    client = AsyncClient(project=project, database=database)
    root = client.collection("jobs").document(job)
    ledger, ranges = FirestoreLedger(client, root, log), FirestoreRanges(client, root)
    return Stores(
        ledger=ledger,
        runs=FirestoreRuns(client, root, ranges, ledger),
        ranges=ranges,
        prefixes=FirestorePrefixes(client, root),
        control=FirestoreControl(client, root),
        uploads=FirestoreUploads(client, root),
        extras=FirestoreExtras(client, root),
        rejected=FirestoreRejected(root),
    )
