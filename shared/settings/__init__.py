"""The settings of a job, from the environment: read once, checked all at once, never changed.

A file a topic; the meaning of a setting stands once, at its field, and docs/settings.md and errors are made from it.
"""

from shared.settings.choices import CdnAuth, PolicyHash, Route, StaleEdgePolicy, UnsupportedNames, VerifyAfter
from shared.settings.environment import load
from shared.settings.model import TOPICS, Settings

__all__ = [
    "TOPICS",
    "CdnAuth",
    "PolicyHash",
    "Route",
    "Settings",
    "StaleEdgePolicy",
    "UnsupportedNames",
    "VerifyAfter",
    "load",
]
