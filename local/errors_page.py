"""Prints docs/errors.md from the errors themselves: `python -m local.errors_page > docs/errors.md`."""

from collections.abc import Collection

from shared.domain.reasons import Reason
from shared.http.rules import RULES, Rule

INTRODUCTION = """# Errors

What can go wrong with a key, a bucket or a service, each under one short word: `shared/domain/reasons.py` has the
table, and the report of a run, the answers of `/v1/replicate` and the log say the same words. A key that failed is on
record with the word and the service's own text.

- **passes**: it may pass by itself, so it is tried again: at once, with backoff; then in a message of its own; then
  the key is on record as failed. What stays is on record at once.
- **concerns**: the key alone, or everybody: any other key would fail the same way at this moment. A 5xx is everybody's,
  too, while eight keys and more get nothing else.
- **status**: what `/v1/replicate` answers; with 503 goes a Retry-After.
- **ends as**: the outcome of a key for which it is the last word.
"""

ANSWERS = """## Which answer means which error

An answer goes down this list, `shared/http/rules.py`, and the first row that fits decides. The same status means
different things from different parties: `edge` is CloudFront, `s3` the source bucket, `upload_session` one resumable
upload, `staging` the staging bucket with its multipart uploads, `destination` and `reports` those buckets. Where the
service's words decide, they are matched from the beginning of its own sentence, never by what it repeats of a key.
"""


def page() -> str:
    """The page, as Markdown."""
    lines = [INTRODUCTION, "| Reason | Passes | Concerns | Status | Ends as | What happened | What to do |"]
    lines.append("|---|---|---|---|---|---|---|")
    lines += [_row(reason) for reason in Reason]
    lines += ["", ANSWERS, "| Party | Asked to | Status | Sign | Reason |", "|---|---|---|---|---|"]
    lines += [_rule(rule) for rule in RULES]
    return "\n".join([*lines, ""])


def _row(reason: Reason) -> str:
    passes = "yes" if reason.retryable else "no"
    cells = (passes, reason.scope, reason.status, f"`{reason.outcome}`", reason.meaning, reason.advice)
    return f"| `{reason}` | {' | '.join(map(str, cells))} |"


def _rule(rule: Rule) -> str:
    parties = ", ".join(sorted(f"`{party}`" for party in rule.parties)) or "any"
    asked = {None: "read or write", True: "write", False: "read"}[rule.writes]
    return f"| {parties} | {asked} | {_statuses(rule.statuses)} | {_sign(rule)} | `{rule.error.reason}` |"


def _statuses(statuses: Collection[int]) -> str:
    if isinstance(statuses, range):
        return "any other" if len(statuses) > 100 else f"{statuses[0] // 100}xx"
    return ", ".join(map(str, statuses))


def _sign(rule: Rule) -> str:
    if rule.sentence is not None:
        return f"words: `{rule.sentence.pattern}`".replace("|", "\\|")
    codes = [f"`{code}`" for code in sorted(rule.codes)] + ([f"`{rule.prefix}…`"] if rule.prefix else [])
    return ", ".join(codes) or "any other"


if __name__ == "__main__":
    print(page(), end="")
