"""Google's own emulators, where the gcloud SDK has them: `STACK=google`."""

import shutil
import subprocess
from pathlib import Path

from local.children import StackError
from local.emulators.loopback import HOST

_INSTEAD = "leave STACK out to use the embedded servers"


def _sdk() -> Path:
    if shutil.which("gcloud") is None:
        raise StackError(f"STACK=google needs the gcloud SDK, and there is no `gcloud` here; {_INSTEAD}")
    if shutil.which("java") is None:
        raise StackError(f"STACK=google needs Java 17 or later, and there is no `java` here; {_INSTEAD}")
    command = ["gcloud", "info", "--format=value(installation.sdk_root)"]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


def pubsub(port: int) -> list[str]:
    """The command that runs Google's Pub/Sub emulator."""
    jars = sorted((_sdk() / "platform/pubsub-emulator/lib").glob("cloud-pubsub-emulator-*-all.jar"))
    if not jars:
        raise StackError(
            "STACK=google: the SDK has no Pub/Sub emulator; run `gcloud components install pubsub-emulator`"
        )
    return ["java", "-jar", str(jars[-1]), f"--host={HOST}", f"--port={port}"]


def firestore(port: int) -> list[str]:
    """The command that runs Google's Firestore emulator."""
    jar = _sdk() / "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
    if not jar.exists():
        raise StackError(
            "STACK=google: the SDK has no Firestore emulator; run `gcloud components install cloud-firestore-emulator`"
        )
    main = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
    return ["java", "-Duser.language=en", "-cp", str(jar), main, "start", f"--host={HOST}", f"--port={port}"]


def available() -> str | None:
    """None if the emulators can run, else the reason why not."""
    try:
        pubsub(1)
        firestore(1)
    except StackError as missing:
        return str(missing)
    return None
