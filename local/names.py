"""The names on the stack: the project, its buckets, topics, secrets."""

PROJECT = "local-project"
SOURCE, DESTINATION, STAGING = "source-bucket", "destination-bucket", "staging-bucket"
REPORTS = "report-bucket"
EVENTS = "s3-events"
AWS_ACCOUNT = "123456789012"
"""Of moto's server: https://docs.getmoto.org/en/latest/docs/multi_account.html"""

LIST, TRANSFER, VERIFY, DEAD = "list", "transfer", "verify", "dead-letters"
FIRST = "first"
AWS_SECRET, CDN_SECRET = "aws-credentials", "cdn-private-key"


def secret_version(secret: str) -> str:
    """The newest version of a secret, as Secret Manager names it."""
    return f"projects/{PROJECT}/secrets/{secret}/versions/latest"
