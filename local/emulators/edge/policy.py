"""CloudFront's check of a signed URL with a custom policy.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
"""

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_HASHES: dict[str, type[HashAlgorithm]] = {"SHA1": SHA1, "SHA256": SHA256}

PARAMETERS = frozenset({"Policy", "Signature", "Key-Pair-Id", "Expires", "Hash-Algorithm"})
"""Query parameters that CloudFront takes for itself and does not pass to the origin."""


class Denied(Exception):
    """The answer is 403 with this code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PolicyCheck:
    """Accepts URLs signed by one key pair."""

    def __init__(self, key_pair_id: str, public_key_pem: str) -> None:
        key = load_pem_public_key(public_key_pem.encode())
        if not isinstance(key, RSAPublicKey):
            raise TypeError("the trusted key of a distribution is an RSA key here")
        self._key_pair_id = key_pair_id
        self._key = key
        self._statement = lru_cache(256)(self._verified)

    def check(self, url: str, query: Mapping[str, str]) -> None:
        """Raises Denied unless the query carries a policy of ours that covers the URL (without its query) now."""
        if "Key-Pair-Id" not in query:
            raise Denied("MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
        if query["Key-Pair-Id"] != self._key_pair_id:
            raise Denied("InvalidKey", "Unknown Key")
        resource, not_before, expires = self._statement(
            query.get("Policy", ""), query.get("Signature", ""), query.get("Hash-Algorithm", "SHA1")
        )
        if not resource.fullmatch(url) or not not_before <= time.time() < expires:
            raise Denied("AccessDenied", "Access denied")

    def _verified(self, policy: str, signature: str, digest: str) -> tuple[re.Pattern[str], float, float]:
        """(resource, not before, expires) of a policy whose signature holds."""
        try:
            text = _decode(policy)
            self._key.verify(_decode(signature), text, PKCS1v15(), _HASHES[digest]())
            (statement,) = json.loads(text)["Statement"]
            condition = statement["Condition"]
            pattern = re.escape(statement["Resource"]).replace(r"\*", ".*").replace(r"\?", ".")
            start = condition.get("DateGreaterThan", {}).get("AWS:EpochTime", 0)
            return re.compile(pattern, re.DOTALL), start, condition["DateLessThan"]["AWS:EpochTime"]
        except (InvalidSignature, binascii.Error, ValueError, KeyError, TypeError):
            raise Denied("AccessDenied", "Access denied") from None


def _decode(text: str) -> bytes:
    return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")), validate=True)
