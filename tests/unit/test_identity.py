"""Who may ask for a key must not be taken for Pub/Sub."""

import base64
import json

import pytest

from shared.entrypoints.pusher import pushes

INVOKER = "job-invoker@project.iam.gserviceaccount.com"


def token(**claims: object) -> str:
    """As Cloud Run hands it on."""
    parts = (json.dumps({"alg": "RS256"}).encode(), json.dumps(claims).encode())
    encoded = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return f"Bearer {encoded}.SIGNATURE_REMOVED_BY_GOOGLE"


GOOD = token(email=INVOKER, email_verified=True, aud="https://transfer.run.app")


def test_pubsubs_own_push_is_one() -> None:
    assert pushes({"Authorization": GOOD}, INVOKER)
    assert pushes({"authorization": GOOD}, INVOKER)


def test_where_no_iam_stands_before_it_everybody_pushes() -> None:
    assert pushes({}, None)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": token(email="caller@project.iam.gserviceaccount.com", email_verified=True)},
        {"Authorization": token(email=INVOKER)},
        {"Authorization": token(email=INVOKER, email_verified="true")},
        {"Authorization": token(sub=INVOKER)},
        {"Authorization": GOOD, "X-Serverless-Authorization": token(email="caller@x", email_verified=True)},
        {"Authorization": GOOD.replace("Bearer", "Basic")},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer a.%%%.c"},
        {"Authorization": "Bearer a.WzFd.c"},
    ],
)
def test_nobody_else_s(headers: dict[str, str]) -> None:
    assert not pushes(headers, INVOKER)
