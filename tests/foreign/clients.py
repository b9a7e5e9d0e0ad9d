"""Command-line clients of others on our servers, each through its everyday commands.

The libraries boto3 and google-cloud-* are what `tests/contract` and `tests/e2e` ask the same servers with.
"""

import filecmp
import os
import random
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.children import clean_environment
from local.names import PROJECT
from local.sample import MIB
from local.stack import Stack
from tests.foreign.servers import program, said

FILES = {"small.txt": 1000, "folder/large.bin": 20 * MIB + 3, "folder/odd name+%41.txt": 17, "empty": 0}
COMMAND_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and words that its output must have. same: a file or folder that is then the same as what was sent."""

    arguments: Sequence[str]
    says: Sequence[str] = ()
    same: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """steps: by the folders with what is sent, and for what comes back. environment: besides the stack's."""

    name: str
    program: str
    version: Sequence[str]
    steps: Callable[[Stack, Path, Path], list[Step]]
    environment: Callable[[Stack], dict[str, str]]

    def told_version(self) -> str:
        """Raises Missing."""
        found = re.search(r"\d+\.\d+\.\d+", said(program(self.program), *self.version))
        return f"{self.name} {found[0]}" if found else self.name


@dataclass(slots=True)
class Answered:
    right: int = 0
    wrong: list[str] = field(default_factory=list)


def answered(client: Client, stack: Stack, folder: Path) -> Answered:
    """What a client said to its commands, run in order."""
    sent, back, found = folder / "sent", folder / "back", Answered()
    for name, size in FILES.items():
        (sent / name).parent.mkdir(parents=True, exist_ok=True)
        (sent / name).write_bytes(random.Random(name).randbytes(size))
    back.mkdir()
    environment = clean_environment({**stack.environment, **client.environment(stack), "HOME": str(folder)})
    for step in client.steps(stack, sent, back):
        command = [program(client.program), *step.arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=COMMAND_SECONDS, check=False, cwd=folder
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        missing = [words for words in step.says if words not in output]
        differs = [] if not step.same else _differences(sent / step.same, back / step.same)
        if done.returncode or missing or differs:
            what = f"exit {done.returncode}, not said: {missing}, differs: {differs}: {output[-400:]}"
            found.wrong.append(f"`{client.program} {' '.join(step.arguments)}`: {what}")
        else:
            found.right += 1
    return found


def _differences(left: Path, right: Path) -> list[str]:
    if left.is_file():
        return [] if right.is_file() and filecmp.cmp(left, right, shallow=False) else [left.name]
    names = [str(path.relative_to(left)) for path in left.rglob("*") if path.is_file()]
    _, wrong, lost = filecmp.cmpfiles(left, right, names, shallow=False)
    return wrong + lost


def _aws(_stack: Stack, sent: Path, back: Path) -> list[Step]:
    small, key = str(sent / "small.txt"), ["--bucket", "by-aws", "--key", "folder/large.bin"]
    return [
        Step(["s3", "mb", "s3://by-aws"]),
        Step(["s3", "cp", small, "s3://by-aws/small.txt", "--metadata", "camera=x100", "--content-type", "a/b"]),
        Step(["s3api", "head-object", "--bucket", "by-aws", "--key", "small.txt"], ["x100", "a/b"]),
        Step(["s3", "sync", str(sent), "s3://by-aws"]),
        Step(["s3", "ls", "--recursive", "s3://by-aws"], ["folder/odd name+%41.txt", str(FILES["folder/large.bin"])]),
        Step(["s3api", "list-objects-v2", "--bucket", "by-aws", "--delimiter", "/"], ['"Prefix": "folder/"']),
        Step(["s3", "sync", "s3://by-aws", str(back)], same="folder"),
        Step(["s3api", "get-object", *key, "--range", "bytes=5-9", str(back / "part")], ["bytes 5-9/"]),
        Step(["s3api", "head-object", *key], ['-3\\""']),
        Step(["s3", "cp", "s3://by-aws/folder/large.bin", "s3://by-aws/copied.bin"]),
        Step(["s3", "mv", "s3://by-aws/copied.bin", "s3://by-aws/moved.bin"]),
        Step(["s3", "presign", "s3://by-aws/small.txt"], ["Signature="]),
        Step(["s3", "rm", "--recursive", "s3://by-aws"], ["delete: s3://by-aws/moved.bin"]),
        Step(["s3", "rb", "s3://by-aws"]),
    ]


def _rclone(_stack: Stack, sent: Path, back: Path) -> list[Step]:
    return [
        Step(["mkdir", "s3:by-rclone"]),
        Step(["copy", str(sent), "s3:by-rclone/a"]),
        Step(["check", "--download", str(sent), "s3:by-rclone/a"], ["0 differences found"]),
        Step(["copyto", "s3:by-rclone/a/folder/large.bin", "s3:by-rclone/b/copied.bin"]),
        Step(["mkdir", "gcs:by-rclone"]),
        Step(["sync", "s3:by-rclone", "gcs:by-rclone"]),
        Step(["check", "--download", "s3:by-rclone", "gcs:by-rclone"], ["0 differences found"]),
        Step(["moveto", "gcs:by-rclone/b/copied.bin", "gcs:by-rclone/b/moved.bin"]),
        Step(["lsf", "-R", "gcs:by-rclone"], ["b/moved.bin", "a/folder/odd name+%41.txt"]),
        Step(["copy", "gcs:by-rclone/a", str(back)], same="folder"),
        Step(["purge", "gcs:by-rclone/b"]),
        Step(["purge", "s3:by-rclone"]),
    ]


def _rclone_environment(stack: Stack) -> dict[str, str]:
    return {
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_S3_TYPE": "s3",
        "RCLONE_CONFIG_S3_PROVIDER": "Other",
        "RCLONE_CONFIG_S3_ENDPOINT": stack.url("s3"),
        "RCLONE_CONFIG_S3_ENV_AUTH": "true",
        "RCLONE_CONFIG_S3_REGION": "us-east-1",
        "RCLONE_CONFIG_GCS_TYPE": "google cloud storage",
        "RCLONE_CONFIG_GCS_ENDPOINT": f"{stack.url('gcs')}/storage/v1/",
        "RCLONE_CONFIG_GCS_ANONYMOUS": "true",
        "RCLONE_CONFIG_GCS_BUCKET_POLICY_ONLY": "true",
        "RCLONE_CONFIG_GCS_PROJECT_NUMBER": PROJECT,
        "RCLONE_STATS_ONE_LINE": "true",
    }


def _gcloud(_stack: Stack, sent: Path, back: Path) -> list[Step]:
    return [
        Step(["storage", "buckets", "create", "gs://by-gcloud"]),
        Step(["storage", "cp", "--recursive", f"{sent}/*", "gs://by-gcloud/"]),
        Step(["storage", "ls", "--recursive", "gs://by-gcloud"], ["gs://by-gcloud/folder/odd name+%41.txt"]),
        Step(["storage", "objects", "describe", "gs://by-gcloud/small.txt"], ["crc32c_hash", "size: 1000"]),
        Step(["storage", "rsync", "--recursive", "gs://by-gcloud", str(back)], same="folder"),
        Step(["storage", "mv", "gs://by-gcloud/folder/large.bin", "gs://by-gcloud/moved.bin"]),
        Step(["storage", "cp", "gs://by-gcloud/moved.bin", str(back / "moved.bin")]),
        Step(["storage", "cat", "gs://by-gcloud/small.txt", "--range", "0-9"]),
        Step(["storage", "rm", "--recursive", "gs://by-gcloud"]),
        Step(["pubsub", "topics", "create", "by-gcloud"]),
        Step(["pubsub", "subscriptions", "create", "by-gcloud", "--topic", "by-gcloud"]),
        Step(["pubsub", "topics", "publish", "by-gcloud", "--message", '{"prefix":"a/"}'], ["messageIds"]),
        Step(["pubsub", "subscriptions", "pull", "by-gcloud", "--auto-ack", "--format", "json"], ["ackId"]),
        Step(["pubsub", "topics", "list"], ["topics/by-gcloud"]),
        Step(["pubsub", "subscriptions", "delete", "by-gcloud"]),
        Step(["pubsub", "topics", "delete", "by-gcloud"]),
    ]


def _gcloud_environment(stack: Stack) -> dict[str, str]:
    return {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"{stack.url('pubsub')}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{stack.url('gcs')}/storage/v1/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
    }


CLIENTS = (
    Client("aws CLI", "aws", ["--version"], _aws, lambda stack: {}),
    Client("rclone", "rclone", ["version"], _rclone, _rclone_environment),
    Client("gcloud", "gcloud", ["version"], _gcloud, _gcloud_environment),
)
