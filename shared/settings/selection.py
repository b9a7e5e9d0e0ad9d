"""Which objects a job leaves out."""

from typing import Self

from pydantic import BaseModel, Field, model_validator

from shared.domain.filters import Filters
from shared.settings.fields import Globs, Moment, Names


class SelectionSettings(BaseModel):
    """Which objects a job leaves out."""

    include: Globs = Field(
        default=(),
        description="globs of keys to copy, `,` between them; `*` is any text without a slash, `**` any text, `?` one "
        "character, `[a-z]` and `[!a-z]` a set; percent-encode `,`. Without it all",
    )
    exclude: Globs = Field(default=(), description="globs of keys to leave out")
    least_bytes: int = Field(default=0, ge=0, description="smaller objects are left out")
    most_bytes: int | None = Field(default=None, ge=0, description="larger objects are left out")
    modified_after: Moment = Field(
        default="", description="objects last modified before this are left out; RFC 3339 with a time zone"
    )
    modified_before: Moment = Field(default="", description="objects last modified at this time or later are left out")
    source_storage_classes: Names = Field(
        default=(), description="S3 storage classes to copy, `,` between them; without it all"
    )

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.most_bytes is not None and self.least_bytes > self.most_bytes:
            raise ValueError("LEAST_BYTES is above MOST_BYTES, so every object would be left out")
        if self.modified_before and self.modified_after >= self.modified_before:
            raise ValueError("MODIFIED_AFTER is not before MODIFIED_BEFORE, so every object would be left out")
        return self

    @property
    def filters(self) -> Filters:
        return Filters(
            include=self.include,
            exclude=self.exclude,
            least_bytes=self.least_bytes,
            most_bytes=self.most_bytes,
            after=self.modified_after,
            before=self.modified_before,
            storage_classes=frozenset(self.source_storage_classes),
        )
