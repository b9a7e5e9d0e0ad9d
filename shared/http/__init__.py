"""HTTP/1.1: connections, a pool, and the way from an answer to an error. Knows no service."""

from shared.version import VERSION

USER_AGENT = f"bucket-transfer/{VERSION}"
"""Named in every request: AWS WAF's core rule set blocks those without a User-Agent, and a bucket's owner may ask whose
they are. https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
"""
