"""Keys and prefixes as they are typed, and what a run was for."""

from shlex import quote

from cli.exits import CommandError, Exit
from cli.session import Session
from shared.domain.errors import MalformedMessage
from shared.domain.keys import Key
from shared.domain.messages import ListMessage, decode
from shared.domain.runs import RunKind
from shared.domain.text import numbered
from shared.ports.run_store import OpenRun


def typed(session: Session, text: str) -> Key:
    """A key or prefix of the job, "" for the whole job. Raises CommandError if it is none."""
    try:
        return within_job(session, text.encode())
    except UnicodeEncodeError:
        raise CommandError(f"{text!r} is not UTF-8, as every key of S3 is", Exit.USAGE) from None


def within_job(session: Session, key: Key) -> Key:
    """The key or prefix. Raises CommandError if it lies outside the job."""
    root = session.config.root
    if key and not key.startswith(root):
        hint = hint_of(key, session.settings.source_bucket)
        raise CommandError(f"{key.decode()!r} lies outside the job, whose root is {root.decode()!r}{hint}", Exit.USAGE)
    return key


EVENTS = "what events named"
"""What a run of events is about."""


def hint_of(key: Key, bucket: str) -> str:
    """To be added where nothing was found: what was typed may be an address of S3's, a path, or begin with the job's
    bucket. An object may be named so, too.
    """
    if key.startswith(b"s3://"):
        bare = key.removeprefix(b"s3://").partition(b"/")[2]
        return f"; keys are named without s3:// and the bucket: {bare.decode()!r}"
    bare = key.lstrip(b"/")
    if bare.startswith(f"{bucket}/".encode()):
        bare = bare.partition(b"/")[2].lstrip(b"/")
        return f"; keys are named without the bucket: {bare.decode()!r}"
    return f"; keys seldom begin with a slash: {bare.decode()!r}" if bare != key else ""


def for_shell(key: Key) -> str:
    """A key as it may be pasted into a command line, in one line and whatever it holds: $'…' where it must be.
    https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html
    """
    text = key.decode(errors="backslashreplace")
    if text.isprintable():
        return quote(text)
    signs = (
        f"\\{sign}"
        if sign in "\\'"
        else sign
        if sign.isprintable()
        else "".join(f"\\x{byte:02x}" for byte in sign.encode())
        for sign in text
    )
    return f"$'{''.join(signs)}'"


def scope_of(run: OpenRun) -> str:
    """What a run is about, for people: keys that were named have no prefix."""
    if run.kind is RunKind.EVENTS:
        return EVENTS
    if run.kind is not RunKind.KEYS:
        return run.prefix.decode() or "the whole job"
    try:
        return numbered(len(decode(ListMessage, run.message).keys), "named key")
    except MalformedMessage:
        return "named keys"
