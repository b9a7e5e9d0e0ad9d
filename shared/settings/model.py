"""The settings of a job: one frozen object, a file a topic, each meaning at its field."""

from pydantic import ConfigDict

from shared.domain.keys import KeyMapping
from shared.pricing.catalog import Prices
from shared.settings.choices import UnsupportedNames
from shared.settings.destination import DestinationSettings
from shared.settings.edge import EdgeSettings
from shared.settings.events import EventSettings
from shared.settings.following import FollowingSettings
from shared.settings.job import JobSettings
from shared.settings.prices import PriceSettings
from shared.settings.selection import SelectionSettings
from shared.settings.source import SourceSettings
from shared.settings.tuning import TuningSettings

TOPICS = (
    JobSettings,
    SourceSettings,
    EdgeSettings,
    DestinationSettings,
    SelectionSettings,
    FollowingSettings,
    EventSettings,
    PriceSettings,
    TuningSettings,
)
"""What there is to set, in the order in which a person would."""


class Settings(
    TuningSettings,
    PriceSettings,
    EventSettings,
    FollowingSettings,
    SelectionSettings,
    DestinationSettings,
    EdgeSettings,
    SourceSettings,
    JobSettings,
):
    """A job's settings. Each field is read from the environment variable of the same name in capitals.

    Sizes in bytes, times in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    @property
    def mapping(self) -> KeyMapping:
        """Where keys lie at the destination."""
        destination = self.source_prefix if self.destination_prefix is None else self.destination_prefix
        encode = self.unsupported_names is UnsupportedNames.ENCODE
        return KeyMapping(self.source_prefix.encode(), destination.encode(), encode)

    @property
    def price_list(self) -> Prices:
        """The prices as this job pays them."""
        return self.prices_at(self.aws_region)
