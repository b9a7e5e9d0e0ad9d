"""The JSON that flows between the functions, small enough for a person to type.

topic list       {}                                   a delta run of the whole job, now
                 {"scheduled": true}                  the scheduler's: unless one is running, or the job is paused
                 {"prefix": "a/"}                     this prefix now, failed keys tried again
                 {"prefix": "a/", "force": true}      copy even what is unchanged
                 {"keys": ["a/b.jpg"]}                these keys now
                 {"events": true}                     follow S3's events
                 {"sort": "events-…"}                 sort the batches of a run of events that has ended
topic transfer   {"run", "batch", "objects": […]}     written by the lister and the verifier
                 {…, "part": {…}}                     one part of a large object, written by the transfer
topic verify     {} or {"prefix": "a/"}               compare, and repair unless {"repair": false}
                 {"scheduled": true}                  the scheduler's, as above
                 {"close": true}                      see which runs have ended, and what follows from them

The remaining fields are the functions' own. A `run` is one that the functions have begun, and goes on only with what
is on record of it: whoever names one of their own, or wants something else of a range of it, is told so, and the
message is put aside.
"""

from typing import Annotated, Self, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.domain.errors import MalformedMessage
from shared.domain.keys import MAX_KEY_BYTES, Key
from shared.domain.objects import SourceObject
from shared.domain.parts import MOST_PARTS
from shared.domain.problems import sentences
from shared.domain.runs import RunKind

RunId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$")]
MOST_KEYS = 1000
"""Single keys that one message names: a megabyte at the most, a tenth of what Pub/Sub takes."""

ObjectKey = Annotated[Key, Field(min_length=1, max_length=MAX_KEY_BYTES)]


class Message(BaseModel):
    """Base: nothing unknown, nothing coerced, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def encode(self) -> bytes:
        """The message as JSON, without the fields that are at their defaults."""
        return self.model_dump_json(exclude_defaults=True, by_alias=True).encode()


_FILLED_IN = {"depth", "redrive", "scheduled"}
"""By the functions. Whoever takes a range over sends its further ones again as split off anew, and may be of a version
that fills in otherwise.
"""


class RangeMessage(Message):
    """Work on a key range of a prefix, the whole job's by default. What follows is set by the functions themselves.

    run: the one that the range is of, None where the message begins one. cursor, until: only keys greater than the one,
    and up to the other; of ranges only, since what is said of a run is said of its whole prefix. depth: how often the
    range was split off a longer one, `generation` on the wire. scheduled: the scheduler sent this; it starts no run
    while the job is paused or one of its kind is running. Without it, a message is a person's or follows from a run,
    and starts one. A scheduler of before 25 November 2026 sent `{}`, which is a person's now: until Terraform is
    applied, its runs may overlap. starts: the run that it starts, once it was published anew: the same as before.
    """

    prefix: Key = b""
    run: RunId | None = None
    cursor: Key = b""
    until: Key | None = None
    depth: int = Field(
        default=0, ge=0, validation_alias=AliasChoices("generation", "depth"), serialization_alias="generation"
    )
    scheduled: bool = False
    starts: RunId | None = None

    @model_validator(mode="after")
    def _of_a_whole_prefix(self) -> Self:
        if self.run is None and (self.cursor or self.until is not None):
            raise ValueError('"cursor" and "until" are of a range of a "run": name a "prefix"')
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.cursor and not self.cursor.startswith(self.prefix):
            raise ValueError('"cursor" lies outside "prefix"')
        if self.until is not None and self.until <= self.cursor:
            raise ValueError('"until" must be greater than "cursor"')
        return self

    def behind(self, cursor: Key, until: Key | None, deeper: int = 0) -> Self:
        """The message of a range that is split off this one's. Raises ValueError if nobody could read it."""
        fields = {"cursor": cursor, "until": until, "depth": self.depth + deeper}
        return type(self).model_validate({**self.model_dump(exclude_defaults=True), **fields})

    def agrees_with(self, recorded: bytes) -> bool:
        """Whether it wants of its range what the message on record for that range does. In what is filled in they may
        differ; what an instance of a later version wrote, and this one cannot read, says nothing.
        """
        try:
            known = decode(type(self), recorded)
        except MalformedMessage:
            return True
        return self.model_dump(exclude=_FILLED_IN) == known.model_dump(exclude=_FILLED_IN)

    def named(self, run: str, prefix: Key) -> Self:
        """The message with its run and its prefix filled in, as its further ranges carry them."""
        return self.model_copy(update={"run": run, "prefix": prefix, "starts": None})


class ListMessage(RangeMessage):
    """Work for the lister: a prefix (all of the job by default) or single keys.

    redrive: try remembered failures again; meant by any message that names a prefix or keys. events: what S3's queue
    tells, instead of a listing. sort: the ended run of events whose batches are to be sorted, and nothing else.
    """

    keys: tuple[ObjectKey, ...] = Field(default=(), max_length=MOST_KEYS)
    force: bool = False
    redrive: bool = False
    events: bool = False
    sort: RunId | None = None

    @model_validator(mode="after")
    def _own_run(self) -> Self:
        _expect(self.run, RunKind.EVENTS if self.events else RunKind.LIST)
        _expect(self.starts, RunKind.LIST)
        return self

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if self.events and (self.keys or self.until or self.cursor or (self.prefix and self.run is None)):
            raise ValueError('"events" are of the whole job: name no "prefix" and no "keys"')
        if self.sort is not None and not RunKind.EVENTS.names(self.sort):
            raise ValueError('"sort" names a run of events ("events-…"): the batches of others are not sorted')
        if self.sort is not None and (self.events or self.keys or self.prefix or self.cursor or self.until):
            raise ValueError('"sort" names a run of events: name nothing else')
        if "keys" in self.model_fields_set and not self.keys:
            raise ValueError('"keys" names none: leave it out for the whole job')
        if self.keys and (self.prefix or self.until or (self.cursor and self.run is None)):
            raise ValueError('name either "prefix" or "keys", not both')
        return self

    def named(self, run: str, prefix: Key) -> Self:
        meant = self.run is None and bool(self.prefix or self.keys)
        fields = {"run": run, "prefix": prefix, "starts": None, "redrive": self.redrive or meant}
        return self.model_copy(update=fields)


class ObjectEntry(Message):
    """One object to copy. size: bytes. modified: whole epoch seconds. event_at, storage_class: what messages from
    before 30 and 28 November 2026 say, and nobody asks for: when S3's event says that an object was written is in its
    batch's record, as an instance of an earlier version puts a message aside that has a field more.
    """

    key: ObjectKey
    etag: str
    size: int = Field(ge=0)
    modified: int = Field(default=0, ge=0)
    event_at: float = Field(default=0.0, exclude=True)
    storage_class: str = Field(default="", exclude=True)

    @classmethod
    def of(cls, source: SourceObject) -> Self:
        return cls(key=source.key, etag=source.etag, size=source.size, modified=source.modified)

    def source(self, event_at: float = 0.0) -> SourceObject:
        """event_at: as its batch's record has it."""
        return SourceObject(self.key, self.etag, self.size, self.modified, event_at=event_at)


class PartReference(Message):
    """One part of a large object. number: from 1. version: the one that all its parts are of."""

    number: int = Field(ge=1, le=MOST_PARTS)
    version: ObjectEntry


class TransferMessage(Message):
    """A batch to copy, or one part of its only object. `attempt` counts from 1; a requeued remainder carries the
    next number. first: somebody waits for it. That is not written: the topic it came by says so, and a message that an
    instance of an earlier version could not read would be put aside.
    """

    run: RunId
    batch: RunId
    objects: tuple[ObjectEntry, ...] = Field(min_length=1, max_length=1000)
    attempt: int = Field(default=1, ge=1)
    force: bool = False
    part: PartReference | None = None
    first: bool = Field(default=False, exclude=True)

    @model_validator(mode="after")
    def _one_object_has_parts(self) -> Self:
        if self.part is not None and len(self.objects) != 1:
            raise ValueError('"part" goes with one object')
        return self


class VerifyMessage(RangeMessage):
    """Work for the verifier. close: compare nothing, but see which runs have ended and what follows from them.
    passed: comparisons of the same prefix that came before this one in a row.
    """

    repair: bool = True
    close: bool = False
    passed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _own_run(self) -> Self:
        _expect(self.run, RunKind.VERIFY)
        _expect(self.starts, RunKind.VERIFY)
        return self

    @model_validator(mode="after")
    def _closes_all(self) -> Self:
        if self.close and (self.prefix or self.run is not None or not self.repair):
            raise ValueError('"close" is about every run, and compares nothing: name no "prefix", "run" or "repair"')
        return self


def _expect(run: str | None, kind: RunKind) -> None:
    """Raises ValueError if a run is not called as the functions call those of a kind: another topic's run has ranges of
    the same keys.
    """
    if run is not None and not kind.names(run):
        raise ValueError(f'a run of this kind is called "{kind}-…", not "{run}": leave "run" out to begin one')


M = TypeVar("M", bound=Message)


def decode(model: type[M], data: bytes) -> M:
    """Read a message; an empty body means `{}`. Raises MalformedMessage naming every problem."""
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        raise MalformedMessage(sentences(error)) from None


def repairs(message: bytes) -> bool:
    """Whether a comparison copies again what differs, by the message that began it. One that cannot be read says
    nothing else.
    """
    try:
        return decode(VerifyMessage, message).repair
    except MalformedMessage:
        return True
