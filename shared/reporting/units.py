"""Numbers with their units, as a report shows them: no digit that nobody needs."""

from datetime import UTC, datetime

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def in_units(count: float) -> str:
    """Bytes, in powers of 1,024."""
    for unit in _UNITS:
        if abs(count) < 1024 or unit == _UNITS[-1]:
            break
        count /= 1024
    whole = unit == "B" and count == int(count)
    return f"{count:,.0f} {unit}" if whole or abs(count) >= 100 else f"{count:,.1f} {unit}"


def in_time(seconds: float, most_units: int = 2) -> str:
    """A duration, to so many units, or to three figures below a minute."""
    if seconds == 0:
        return "0 s"
    if seconds < 0.0995:
        return f"{seconds * 1000:.2g} ms" if seconds < 0.00995 else f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{count} {name}" for count, name in ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if count]
    return " ".join(parts[:most_units])


def in_count(count: float) -> str:
    """A whole number, or a rate to three figures."""
    if count == int(count) or count >= 100:
        return f"{count:,.0f}"
    return f"{count:.1f}" if count >= 10 else f"{count:.2f}" if count >= 0.095 else f"{count:.2g}"


def moment(epoch_seconds: float) -> str:
    """To the second, in UTC."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
