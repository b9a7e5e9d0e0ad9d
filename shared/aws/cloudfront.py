"""How a download proves that it may read: the URL and headers of a GET, for each way to the bytes.

    straight to S3       signed for S3
    sigv4                signed for S3, sent to the CDN, which passes everything but Host on and caches nothing
    signed-url           a CloudFront custom policy for every key at once, signed once a window
    public               nothing to prove

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shared.aws.address import NOTHING, S3Address
from shared.domain.errors import SettingsError
from shared.domain.keys import quote_key
from shared.domain.routes import CLOUDFRONT, DIRECT

Request = tuple[str, dict[str, str]]
"""URL and headers"""

SigningKey = RSAPrivateKey | EllipticCurvePrivateKey
"""https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_PublicKey.html: RSA 2048 or ECDSA 256"""

_FRESH_SHARE = 0.5
"""A policy is replaced when less than this share of its window is left, so that no request meets its end."""


@dataclass(frozen=True, slots=True)
class CdnAddress:
    """base: URL of the distribution, with its path prefix, without a slash at its end. replacements: (old, new) in the
    keys' bytes, done one after the other, for a distribution whose paths differ from the bucket's keys.
    """

    base: str
    replacements: tuple[tuple[bytes, bytes], ...] = ()

    def url(self, key: bytes) -> str:
        """Where the distribution has a key."""
        for old, new in self.replacements:
            key = key.replace(old, new)
        return f"{self.base}/{quote_key(key)}"


class Access(Protocol):
    """A way to the bytes: URL and headers of a GET."""

    @property
    def route(self) -> str:
        """What errors and the ledger call this way: a value of `shared.settings.choices.Route`."""
        ...

    async def request(self, key: bytes, amz: Mapping[str, str] = NOTHING) -> Request:
        """Where to ask for a key, and with which headers, those of `amz` among them. Cheap: called once an object."""
        ...


@dataclass(frozen=True, slots=True)
class SignedForS3:
    """cdn: where the request goes; None for S3 itself."""

    address: S3Address
    cdn: CdnAddress | None = None

    @property
    def route(self) -> str:
        return DIRECT if self.cdn is None else CLOUDFRONT

    async def request(self, key: bytes, amz: Mapping[str, str] = NOTHING) -> Request:
        at_origin = self.address.url(key)
        headers = await self.address.signed("GET", at_origin, amz)
        return (at_origin if self.cdn is None else self.cdn.url(key)), headers


@dataclass(frozen=True, slots=True)
class Public:
    """A distribution that anybody may read."""

    cdn: CdnAddress
    route: str = CLOUDFRONT

    async def request(self, key: bytes, amz: Mapping[str, str] = NOTHING) -> Request:
        return self.cdn.url(key), dict(amz)


@dataclass(slots=True)
class SignedUrls:
    """One custom policy with a wildcard resource, so that the signature is made once a window.

    now: epoch seconds. window_seconds: how long a policy is good for. sha256: sign with SHA-256 and
    say so by `Hash-Algorithm`, as AWS's own signer does; CloudFront takes SHA-1 for granted.
    https://github.com/aws/aws-sdk-js-v3/tree/main/packages/cloudfront-signer
    """

    cdn: CdnAddress
    key_pair_id: str
    private_key: SigningKey
    now: Callable[[], float]
    window_seconds: float
    sha256: bool = False
    route: str = CLOUDFRONT
    _expires: float = 0.0
    _query: str = field(default="", repr=False)

    async def request(self, key: bytes, amz: Mapping[str, str] = NOTHING) -> Request:
        if self._expires - self.now() < self.window_seconds * _FRESH_SHARE:
            self._sign()
        return f"{self.cdn.url(key)}?{self._query}", dict(amz)

    def _sign(self) -> None:
        self._expires = self.now() + self.window_seconds
        policy = wildcard_policy(f"{self.cdn.base}/*", int(self._expires))
        digest = SHA256() if self.sha256 else SHA1()
        if isinstance(self.private_key, RSAPrivateKey):
            signature = self.private_key.sign(policy, PKCS1v15(), digest)
        else:
            signature = self.private_key.sign(policy, ECDSA(digest))
        fields = (("Policy", _encode(policy)), ("Signature", _encode(signature)), ("Key-Pair-Id", self.key_pair_id))
        self._query = "&".join(f"{name}={value}" for name, value in fields)
        if self.sha256:
            self._query += "&Hash-Algorithm=SHA256"


def wildcard_policy(resource: str, expires: int) -> bytes:
    """The policy's text, without white space, as CloudFront wants it signed. expires: epoch seconds."""
    condition = {"DateLessThan": {"AWS:EpochTime": expires}}
    return json.dumps({"Statement": [{"Resource": resource, "Condition": condition}]}, separators=(",", ":")).encode()


def private_key(pem: str) -> SigningKey:
    """Raises SettingsError, without the key, if the text is no private key in PEM of a kind that CloudFront takes."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, RSAPrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise SettingsError("the secret of CDN_PRIVATE_KEY_SECRET is not an RSA or ECDSA P-256 private key in PEM form")


def _encode(data: bytes) -> str:
    """Base64 with the characters that mean something in a URL replaced, as CloudFront reads it."""
    return base64.b64encode(data).decode().translate(_URL_SAFE)


_URL_SAFE = str.maketrans("+=/", "-_~")
