"""What writes the pages of runs, put together from adapters; nothing where no reports are kept."""

from shared.bootstrap.adapters import Adapters
from shared.bootstrap.job_config import JobConfig
from shared.ports.reports import Reports
from shared.reporting.job_facts import JobFacts
from shared.reporting.report_run import ReportRun
from shared.reporting.report_running import ReportRunning
from shared.reporting.run_index import RunIndex
from shared.runs.show_running import ShowRunning


def report_run(adapters: Adapters, config: JobConfig) -> ReportRun | None:
    """What writes the report of a run that has ended."""
    if adapters.reports is None:
        return None
    stores, facts = adapters.stores, job_facts(config)
    index = run_index(adapters.reports, adapters, facts)
    return ReportRun(adapters.reports, stores.ledger, stores.runs, stores.control, index, facts)


def show_running(adapters: Adapters, config: JobConfig) -> ShowRunning | None:
    """What writes the pages of runs that are running."""
    if adapters.reports is None:
        return None
    stores, facts = adapters.stores, job_facts(config)
    index = run_index(adapters.reports, adapters, facts)
    report = ReportRunning(adapters.reports, stores.ledger, stores.runs, stores.control, index, facts, adapters.clock)
    return ShowRunning(stores.runs, report, adapters.clock, adapters.log)


def run_index(reports: Reports, adapters: Adapters, facts: JobFacts) -> RunIndex:
    """Of the job's runs."""
    return RunIndex(reports, adapters.stores.runs, facts.job, facts.source, facts.destination)


def job_facts(config: JobConfig) -> JobFacts:
    """What its reports say of a job."""
    return JobFacts(
        job=config.job,
        source=config.source,
        destination=config.destination,
        prices=config.prices,
        plans=config.plans,
        storage_classes=config.storage_classes,
        keys_per_message=config.keys_per_message,
        restore_days=config.restore_days,
        route=config.route,
        places=config.places,
        selection=config.filters.table(),
        follows_events=config.follows_events,
    )
