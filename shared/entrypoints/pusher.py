"""Who pushes. Whoever may ask for a single key may call the function, too, and must not pass for Pub/Sub.

IAM lets nobody in whose token it has not verified, and Cloud Run takes the signature off before the function sees the
token, so there is nothing left to verify here: the claims are read. A caller who shows IAM his token in
X-Serverless-Authorization may write what he likes into Authorization, which then nobody has verified.
https://cloud.google.com/run/docs/authenticating/service-to-service
"""

import base64
import binascii
import json
from collections.abc import Mapping


def pushes(headers: Mapping[str, str], account: str | None) -> bool:
    """Whether a request comes from Pub/Sub's service account. headers: names in any case. account: its e-mail address;
    None where no IAM stands before the function: then everybody's do.
    """
    if account is None:
        return True
    given = {name.lower(): value for name, value in headers.items()}
    if "x-serverless-authorization" in given:
        return False
    claims = _claims(given.get("authorization", ""))
    return claims.get("email") == account and claims.get("email_verified") is True


def _claims(authorization: str) -> Mapping[str, object]:
    """Of a bearer token; none of what is not one."""
    kind, _, token = authorization.partition(" ")
    pieces = token.strip().split(".")
    if kind.lower() != "bearer" or len(pieces) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(pieces[1] + "=" * (-len(pieces[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
