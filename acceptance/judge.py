"""The independent comparison, of what this trial wrote and nothing else."""

from acceptance.trial import Trial
from local.comparison import Comparison, Scope, compare


def compared(trial: Trial) -> Comparison:
    """Every object is read on both sides. Where keys lie at the destination is what the settings say."""
    given = trial.services.settings
    keys = {trial.key(case.name): case for case in trial.cases}
    places = {key: given.mapping.place(key.encode()).name for key in keys}
    names = {key: name.decode() for key, name in places.items() if name is not None}
    missing = {key for key, case in keys.items() if case.archived or key not in names}
    scope = Scope(trial.prefix, folders(trial), lambda key: names.get(key, key), read_every=1)
    return compare(trial.services.s3, given.source_bucket, trial.services.gcs, given.destination_bucket, missing, scope)


def folders(trial: Trial) -> tuple[str, ...]:
    """Where copies of this trial lie: by their keys, and those under encoded names."""
    mapping = trial.services.settings.mapping
    plain = mapping.name(trial.prefix.encode()).decode()
    if not mapping.encode:
        return (plain,)
    encoded = mapping.place(f"{trial.prefix}\n".encode()).name or b""
    return plain, encoded.decode().removesuffix("%0A")
