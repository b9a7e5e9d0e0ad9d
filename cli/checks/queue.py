"""Pub/Sub: does each topic push to a function, as the right identity, and where do messages go that fail?"""

from dataclasses import dataclass

from google.api_core.exceptions import GoogleAPICallError, PermissionDenied
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from cli.checks.finding import Finding, failed, ok, warning
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Push:
    """A subscription. account: as whom it pushes. deadline_seconds: after that a push counts as failed."""

    name: str
    endpoint: str
    account: str
    dead_letters: bool
    deadline_seconds: int


def queue(publisher: PublisherClient, subscriber: SubscriberClient, given: Settings) -> list[Finding]:
    """Every topic of the job."""
    found = []
    first = () if given.first_topic is None else ("first_topic",)
    for setting in ("list_topic", "transfer_topic", *first, "verify_topic", "dead_letter_topic"):
        topic = publisher.topic_path(given.google_cloud_project, getattr(given, setting))
        name = setting.upper()
        try:
            names = list(publisher.list_topic_subscriptions(topic=topic))
            pushes = [_push(subscriber, subscription) for subscription in names]
        except PermissionDenied as error:
            found.append(warning(name, f"cannot be looked at: {error}", "ask for roles/pubsub.viewer"))
            continue
        except GoogleAPICallError as error:
            found.append(failed(name, f"{topic}: {error}", f"check {name} and GOOGLE_CLOUD_PROJECT"))
            continue
        if setting == "dead_letter_topic":
            found.append(judged_dead_letters(pushes))
        else:
            found += judged(name, pushes, given)
    return found


def _push(subscriber: SubscriberClient, name: str) -> Push:
    told = subscriber.get_subscription(subscription=name)
    return Push(
        name=name.rpartition("/")[2],
        endpoint=told.push_config.push_endpoint,
        account=told.push_config.oidc_token.service_account_email,
        dead_letters=bool(told.dead_letter_policy.dead_letter_topic),
        deadline_seconds=told.ack_deadline_seconds,
    )


def judged(setting: str, pushes: list[Push], given: Settings) -> list[Finding]:
    """What is wrong with the subscriptions of a topic of a function's."""
    pushing = [push for push in pushes if push.endpoint]
    if not pushing:
        text = "no subscription pushes its messages to a function: they would wait, and be lost in the end"
        return [failed(setting, text, "apply Terraform")]
    found = []
    if len(pushing) > 1:
        names = ", ".join(push.name for push in pushing)
        found.append(warning(setting, f"{names} push each message, so all is done more than once", "keep one"))
    wanted = given.push_service_account
    for push in pushing:
        if wanted is not None and push.account != wanted:
            text = f"{push.name} pushes as {push.account or 'nobody'}, and PUSH_SERVICE_ACCOUNT is {wanted}"
            found.append(failed(setting, text, "the function refuses it: make both the same"))
        if not push.dead_letters:
            text = f"{push.name} has no dead letter topic: a message that fails comes again for ever"
            found.append(warning(setting, text, "apply Terraform"))
        if push.deadline_seconds < given.budget_seconds:
            text = f"{push.name} waits {push.deadline_seconds} s, and BUDGET_SECONDS={given.budget_seconds:g}"
            found.append(failed(setting, text, "messages would be delivered twice: 600 s, or a smaller budget"))
    return found or [ok(setting, f"{pushing[0].name} pushes to {pushing[0].endpoint}")]


def judged_dead_letters(pushes: list[Push]) -> Finding:
    """Whether they are kept for somebody."""
    if pushes:
        return ok("DEAD_LETTER_TOPIC", f"{pushes[0].name} keeps them")
    return warning("DEAD_LETTER_TOPIC", "nothing keeps dead letters: they are lost at once", "apply Terraform")
