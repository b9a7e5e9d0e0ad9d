"""The only place where adapters are built and use cases put together.

connect(settings) -> Adapters, on this process's loop; bootstrap(adapters, config) -> App. Tests, benchmarks and the
simulation pass adapters of their own.
"""

from shared.bootstrap.adapters import Adapters
from shared.bootstrap.admin import Admin
from shared.bootstrap.app import App, bootstrap
from shared.bootstrap.connecting import connect, connect_admin, connect_queue, missing_indexes, settings
from shared.bootstrap.job_config import JobConfig
from shared.bootstrap.pages import job_facts
from shared.gcp.api import GCS_ENDPOINT
from shared.gcp.reports import report_link

__all__ = [
    "GCS_ENDPOINT",
    "Adapters",
    "Admin",
    "App",
    "JobConfig",
    "bootstrap",
    "connect",
    "connect_admin",
    "connect_queue",
    "job_facts",
    "missing_indexes",
    "report_link",
    "settings",
]
