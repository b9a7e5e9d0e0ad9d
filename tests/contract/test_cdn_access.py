"""Every way to ask the CDN, against an edge that verifies it."""

import datetime
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.credentials import Credentials
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.clients import s3_client
from local.emulators.edge import key_pair
from local.emulators.edge.key_pair import KEY_PAIR_ID
from local.names import CDN_SECRET, SOURCE
from local.stack import Stack
from shared.aws.address import NOTHING, S3Address
from shared.aws.cloudfront import Access, CdnAddress, Public, SignedForS3, SignedUrls, private_key, wildcard_policy
from shared.aws.download import ObjectDownload
from shared.aws.s3 import S3Source
from shared.clock import SystemClock
from shared.domain.errors import Changed, Forbidden, Gone, SettingsError
from shared.domain.objects import SourceObject
from shared.http.client import Http
from tests.contract.test_buckets import KEYS


@pytest.fixture(scope="module", params=["sigv4", "signed-url", "public"])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(settings={"CDN_AUTH": request.param}, functions=()) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(16, SystemClock())
    yield client
    await client.close()


@dataclass
class Hands:
    """A clock that the test winds."""

    time: float = 1_800_000_000.0

    def now(self) -> float:
        return self.time


def address(stack: Stack, secret: str = "test") -> S3Address:
    return S3Address.of(
        SOURCE, "us-east-1", stack.environment["AWS_ENDPOINT_URL_S3"], Credentials("test", secret), SystemClock()
    )


def way(stack: Stack) -> Access:
    cdn = CdnAddress(stack.url("edge"))
    match stack.function_environment["CDN_AUTH"]:
        case "sigv4":
            return SignedForS3(address(stack), cdn)
        case "public":
            return Public(cdn)
    return SignedUrls(cdn, KEY_PAIR_ID, private_key(stack.secrets[CDN_SECRET]), SystemClock().now, 3600)


async def read(access: Access, http: Http, source: SourceObject) -> bytes:
    with await ObjectDownload(access, http).open(source) as body:
        return b"".join([chunk async for chunk in body.chunks])


async def test_awkward_keys_are_read_byte_for_byte_and_version_for_version(stack: Stack, http: Http) -> None:
    client = s3_client(stack.environment)
    for key in KEYS:
        client.put_object(Bucket=SOURCE, Key=key, Body=key.encode())
    source = S3Source(address(stack), http)
    async for page in source.pages(b"", b""):
        for item in page:
            assert await read(way(stack), http, item) == item.key
    client.put_object(Bucket=SOURCE, Key=item.text, Body=b"newer")
    with pytest.raises(Changed):
        await read(way(stack), http, item)
    with pytest.raises(Gone):
        await read(way(stack), http, SourceObject(b"nowhere", "0" * 32, 1, 0))


async def test_the_edge_lets_in_only_whom_it_should(stack: Stack, http: Http) -> None:
    s3_client(stack.environment).put_object(Bucket=SOURCE, Key="secret/k", Body=b"body")
    item = await S3Source(address(stack), http).head(b"secret/k")
    cdn, mode = CdnAddress(stack.url("edge")), stack.function_environment["CDN_AUTH"]
    if mode == "public":
        assert await read(Public(cdn), http, item) == b"body"
        return
    with pytest.raises(Forbidden):
        await read(Public(cdn), http, item)
    if mode == "sigv4":
        with pytest.raises(Forbidden):
            await read(SignedForS3(address(stack, secret="wrong"), cdn), http, item)
        return
    ours, other = private_key(stack.secrets[CDN_SECRET]), private_key(key_pair.generate()[0])
    now = SystemClock().now
    refused: list[Access] = [
        SignedUrls(cdn, KEY_PAIR_ID, other, now, 3600),
        SignedUrls(cdn, "KSOMEBODYELSE", ours, now, 3600),
        SignedUrls(cdn, KEY_PAIR_ID, ours, lambda: now() - 7200, 3600),
        _Elsewhere(cdn, KEY_PAIR_ID, ours, now, 3600),
        SignedForS3(address(stack), cdn),
    ]
    for access in refused:
        with pytest.raises(Forbidden):
            await read(access, http, item)


class _Elsewhere(SignedUrls):
    """A good signature of a policy that covers another path."""

    async def request(self, key: bytes, amz: Mapping[str, str] = NOTHING) -> tuple[str, dict[str, str]]:
        other = SignedUrls(
            CdnAddress(f"{self.cdn.base}/other"), self.key_pair_id, self.private_key, self.now, self.window_seconds
        )
        url, headers = await other.request(key)
        return url.replace("/other/", "/"), headers


async def test_one_signature_serves_a_window_and_a_new_one_is_made_before_it_ends() -> None:
    hands = Hands()
    access = SignedUrls(CdnAddress("https://cdn.example"), "KEY", private_key(key_pair.generate()[0]), hands.now, 3600)

    async def query(key: bytes) -> str:
        return (await access.request(key))[0].partition("?")[2]

    first = await query(b"a")
    hands.time += 1799
    assert await query(b"another key") == first
    hands.time += 2
    assert await query(b"a") != first
    assert "_query" not in repr(access), "what is signed stays out of logs"


async def test_the_signature_is_the_one_botocore_makes() -> None:
    key, hands = private_key(key_pair.generate()[0]), Hands()
    assert isinstance(key, RSAPrivateKey)
    url, _ = await SignedUrls(CdnAddress("https://cdn.example"), "KEY", key, hands.now, 3600).request(b"a/b c")
    policy = wildcard_policy("https://cdn.example/*", int(hands.time) + 3600).decode()
    signer = CloudFrontSigner("KEY", lambda message: key.sign(message, PKCS1v15(), SHA1()))
    theirs = signer.generate_presigned_url("https://cdn.example/a/b%20c", policy=policy)
    assert dict(parse_qsl(urlsplit(url).query)) == dict(parse_qsl(urlsplit(theirs).query))
    assert urlsplit(url)[:3] == urlsplit(theirs)[:3]
    expires = datetime.datetime.fromtimestamp(hands.time + 3600, datetime.UTC)
    assert signer.build_policy("https://cdn.example/*", expires) == policy


@pytest.mark.parametrize(("sha256", "digest"), [(False, SHA1()), (True, SHA256())])
async def test_a_policy_signed_with_a_key_on_the_curve(sha256: bool, digest: SHA1 | SHA256) -> None:
    made, hands = generate_private_key(SECP256R1()), Hands()
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    cdn = CdnAddress("https://cdn.example")
    url, _ = await SignedUrls(cdn, "KEY", private_key(pem), hands.now, 3600, sha256=sha256).request(b"a")
    fields = dict(parse_qsl(urlsplit(url).query))
    policy, signature = (
        b64decode(fields[name].translate(str.maketrans("-_~", "+=/"))) for name in ("Policy", "Signature")
    )
    assert policy == wildcard_policy("https://cdn.example/*", int(hands.time) + 3600)
    made.public_key().verify(signature, policy, ECDSA(digest))


async def test_a_policy_signed_with_sha_256(http: Http) -> None:
    with Stack(settings={"CDN_AUTH": "signed-url"}, functions=()) as stack:
        s3_client(stack.environment).put_object(Bucket=SOURCE, Key="k", Body=b"body")
        item = await S3Source(address(stack), http).head(b"k")
        key, cdn = private_key(stack.secrets[CDN_SECRET]), CdnAddress(stack.url("edge"))
        access = SignedUrls(cdn, KEY_PAIR_ID, key, SystemClock().now, 3600, sha256=True)
        assert (await access.request(b"k"))[0].endswith("&Hash-Algorithm=SHA256")
        assert await read(access, http, item) == b"body"
        url = (await access.request(b"k"))[0].replace("&Hash-Algorithm=SHA256", "")
        assert (await http.once("GET", url, {})).status == 403, "a signature is of one hash only"


def test_keys_can_have_other_paths_at_the_distribution() -> None:
    cdn = CdnAddress("https://cdn.example/root", ((b"images/", b"i/"), (b" ", b"_")))
    assert cdn.url(b"images/a b+c") == "https://cdn.example/root/i/a_b%2Bc"
    assert CdnAddress("https://cdn.example").url(b"/a//b/../c") == "https://cdn.example//a//b/../c"


OTHER_CURVE = (
    generate_private_key(SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)


@pytest.mark.parametrize(
    "pem", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", OTHER_CURVE]
)
def test_a_bad_private_key_is_said_and_not_shown(pem: str) -> None:
    with pytest.raises(
        SettingsError, match="CDN_PRIVATE_KEY_SECRET is not an RSA or ECDSA P-256 private key"
    ) as caught:
        private_key(pem)
    assert not pem or pem not in str(caught.value)


async def test_a_signature_for_one_key_opens_no_other(embedded: Stack, http: Http) -> None:
    """SigV4 through the edge: the origin checks the path."""
    client = s3_client(embedded.environment)
    for key in ("mine", "theirs"):
        client.put_object(Bucket=SOURCE, Key=key, Body=key.encode())
    _, headers = await SignedForS3(address(embedded), CdnAddress(embedded.url("edge"))).request(b"mine")
    answer = await http.once("GET", f"{embedded.url('edge')}/theirs", headers)
    assert (answer.status, b"SignatureDoesNotMatch" in answer.body) == (403, True)
