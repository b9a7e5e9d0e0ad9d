"""What the services allow, and what the model assumes where nothing is published.

Limits are those published for 2026-11; look at the pages before you rely on them.
"""

MINUTE, HOUR = 60.0, 3600.0

S3_GETS_A_PARTITION = 5500
"""GET, HEAD and LIST requests a second for each partitioned prefix of a bucket.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"""

S3_PARTITIONS_AT_FIRST = 2
S3_PARTITION_DOUBLING_SECONDS = 30 * MINUTE
"""Assumed. S3 says that it splits partitions gradually under load, and answers 503 meanwhile, but not how fast; a
bucket of this size has more partitions than these."""

CDN_BYTES_A_SECOND = 150e9 / 8
CDN_REQUESTS_A_SECOND = 250_000
"""A distribution's quotas, 150 Gbps and 250,000 requests a second.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"""

GCS_WRITES_AT_FIRST = 1000
GCS_DOUBLING_SECONDS = 20 * MINUTE
"""Object writes a second that a bucket takes at once, and how fast that may be raised.
https://cloud.google.com/storage/docs/request-rate"""

FIRESTORE_WRITES_AT_FIRST = 500
FIRESTORE_GROWTH = 1.5
FIRESTORE_GROWTH_SECONDS = 5 * MINUTE
"""The 500/50/5 rule for a new collection.
https://firebase.google.com/docs/firestore/best-practices#ramping_up_traffic"""

DOCUMENT_WRITES_A_SECOND = 1
"""Sustained, to one document. https://firebase.google.com/docs/firestore/best-practices#updates_to_a_single_document"""

AGGREGATION_SECONDS = 60.0
AGGREGATED_A_READ = 1000
"""An aggregation is ended after 60 s, and costs a read for up to a thousand index entries.
https://firebase.google.com/docs/firestore/query-data/aggregation-queries"""

AGGREGATED_A_SECOND = 50_000
"""Assumed: index entries. The page says 20 to 40 ms for small and medium sets, and longer the more there are."""

HEARTBEAT_SECONDS = 60.0
"""Between two writes of an instance that works on a run; the setting's default."""

CLOSE_SECONDS = 2 * MINUTE
"""Between two messages of the scheduler that see which runs have ended (terraform/modules/job/scheduler.tf)."""

DEFAULT_INSTANCES = 100
LISTER_INSTANCES = 100
TRANSFER_INSTANCES = 300
"""A service's ceiling is 100 unless it is set; a project's, by its CPU quota, is higher. Settings of the deployment.
https://cloud.google.com/run/docs/configuring/max-instances, https://cloud.google.com/run/quotas"""

LISTER_CONCURRENCY = 8
"""Ranges one instance lists at a time: a page takes about 25 ms of CPU on a first run, and 300 ms in all."""

INSTANCES_A_MINUTE = 60
"""Assumed: new instances of a service under load."""

S3_LIST_SECONDS = 0.15
S3_PROBE_SECONDS = 0.06
FIRESTORE_SECONDS = 0.03
PUBSUB_SECONDS = 0.04
DELIVERY_SECONDS = 0.2
"""Assumed latencies."""

PUBSUB_PUSH_BYTES_A_SECOND = 440e6
"""Push throughput of a large region. https://cloud.google.com/pubsub/quotas"""

LISTER_GIB = 1.0
"""Memory of an instance of the lister, by terraform/modules/job/sizes.tf."""
