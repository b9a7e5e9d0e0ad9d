"""The names on the stack: the project, its buckets, topics, secrets."""

PROJECT = "local-project"
SOURCE, DESTINATION, STAGING = "source-bucket", "destination-bucket", "staging-bucket"
REPORTS = "report-bucket"
LIST, TRANSFER, VERIFY, DEAD = "list", "transfer", "verify", "dead-letters"
AWS_SECRET, CDN_SECRET = "aws-credentials", "cdn-private-key"


def secret_version(secret: str) -> str:
    """The newest version of a secret, as Secret Manager names it."""
    return f"projects/{PROJECT}/secrets/{secret}/versions/latest"
