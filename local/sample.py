"""A bucket to try things on: nested prefixes, sizes from nothing to 200 MB, awkward keys, metadata.

The same number of objects always gives the same bucket.
"""

import io
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from boto3.s3.transfer import TransferConfig

from local.clients import S3Client

KIB, MIB = 1024, 1024 * 1024
THREADS = 16

UNSUPPORTED = ("odd/line\nfeed.txt", "odd/carriage\rreturn.txt", ".well-known/acme-challenge/token")
"""Keys that S3 takes and Cloud Storage refuses."""

AWKWARD = (
    "odd/a space.txt",
    "odd/plus+sign.txt",
    "odd/percent%2Fescaped.txt",
    "odd/hash#and?query&amp.txt",
    "odd//double//slash.txt",
    "/leading/slash.txt",
    "odd/../up/./dots.txt",
    "odd/trailing.dot.",
    "odd/emoji-\U0001f680.txt",
    "odd/nfc-caf\u00e9.txt",
    "odd/nfd-cafe\u0301.txt",
    "odd/\u65e5\u672c\u8a9e/\u043a\u043b\u044e\u0447.txt",
    "odd/private-use-\ue000.txt",
    "odd/quote\"and'<tag>.txt",
    "odd/back\\slash.txt",
    "odd/" + "long" * 255,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One object to load. Content is `size` pseudo-random bytes that `seed` determines."""

    key: str
    size: int
    seed: int
    content_type: str = "application/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return random.Random(self.seed).randbytes(self.size)


def samples(count: int) -> list[Sample]:
    """About `count` objects; the large and the awkward ones are always among them."""
    chance = random.Random(count)
    large = 200 if count >= 1000 else 80
    found = [
        Sample("empty/zero-bytes", 0, 1),
        Sample("empty/folder/", 0, 2, "application/x-directory"),
        Sample(f"video/large-{large}MB.bin", large * 10**6, 3, "video/mp4", {"camera": "x100"}),
        Sample("video/medium-40MB.bin", 40_000_000, 4, "video/mp4"),
        Sample("video/chunked-12MB.bin", 12_000_000, 5, "video/mp4"),
        *(Sample(key, 100 + number, 100 + number, "text/plain") for number, key in enumerate(AWKWARD + UNSUPPORTED)),
    ]
    for number in range(max(0, count - len(found))):
        year, month = 2019 + number % 7, 1 + number % 12
        key = f"photos/{year}/{month:02d}/album-{number % 23}/image-{number:07d}.jpg"
        metadata = {"album": str(number % 23), "owner": "demo"} if number % 3 == 0 else {}
        found.append(Sample(key, _size(chance), 1000 + number, "image/jpeg", metadata))
    return found


def _size(chance: random.Random) -> int:
    """Mostly small, as real buckets are."""
    draw = chance.random()
    if draw < 0.80:
        return chance.randrange(200, 16 * KIB)
    if draw < 0.97:
        return chance.randrange(16 * KIB, 128 * KIB)
    return chance.randrange(128 * KIB, MIB)


def load(s3: S3Client, bucket: str, objects: list[Sample], loaded: Callable[[int], None]) -> None:
    """Put the objects into a bucket; `loaded` is called with the bytes of each."""

    def put(item: Sample) -> int:
        extra = {"ContentType": item.content_type, "Metadata": item.metadata}
        if item.size > 16 * MIB:
            config = TransferConfig(multipart_threshold=16 * MIB, multipart_chunksize=16 * MIB)
            s3.upload_fileobj(io.BytesIO(item.content()), bucket, item.key, ExtraArgs=extra, Config=config)
        else:
            s3.put_object(
                Bucket=bucket, Key=item.key, Body=item.content(), ContentType=item.content_type, Metadata=item.metadata
            )
        return item.size

    with ThreadPoolExecutor(THREADS) as pool:
        for done in as_completed([pool.submit(put, item) for item in objects]):
            loaded(done.result())


def chosen(objects: list[Sample], prefix: str, count: int) -> Iterator[Sample]:
    """The first `count` objects under a prefix."""
    under = (item for item in objects if item.key.startswith(prefix))
    return (item for item, _ in zip(under, range(count), strict=False))
