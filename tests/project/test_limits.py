"""Every limit on clients is counted, and the panel has a text for it."""

import ast
from collections.abc import Iterator

from tests.support.syntax_trees import syntax_trees
from whisper_appliance.admin.overview import limits_in_use
from whisper_appliance.config import settings
from whisper_appliance.monitoring.limits import LIMITS

COUNTING = {"count_refused", "_count_refused", "on_refused", "_on_refused", "_refusal", "slots"}
BUSY = {"Busy", "QuotaReached", "StorageQuotaReached"}
COUNTED_ELSEWHERE = {
    "web/limits/client_slots.py",  # by their callers, with the name of the limit
    "web/limits/running_requests.py",
    "web/limits/token_bucket.py",
    "web/limits/socket_gate.py",
    "web/uploads.py",
    "protocols/webrtc.py",  # it stops, or its library takes too long
}
BY_ANOTHER_WAY = {"connections", "connection_rate", "requests_per_minute", "uploads_per_minute"}
"""Names that are returned or put together; each has a test of its own."""


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path, tree in syntax_trees().items():
        yield from ((str(path), node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def texts(nodes: list[ast.expr]) -> Iterator[str]:
    return (each.value for each in nodes if isinstance(each, ast.Constant) and isinstance(each.value, str))


def test_every_limit_that_is_counted_has_a_text_and_every_text_a_limit() -> None:
    named = set(BY_ANOTHER_WAY)
    for _, call in calls():
        named |= set(texts([each.value for each in call.keywords if each.arg == "limit_name"]))
        if name_of(call) in COUNTING:
            named |= {text for text in texts(call.args[:1]) if " " not in text}
        if name_of(call) == "partial":
            named |= {text for text in texts(call.args[1:]) if text in LIMITS}
    assert named == set(LIMITS)


def test_every_refusal_names_its_limit() -> None:
    unnamed = {
        path
        for path, call in calls()
        if name_of(call) in BUSY and "limit_name" not in {each.arg for each in call.keywords}
    }
    assert {path for path in unnamed if not path.endswith(tuple(COUNTED_ELSEWHERE))} == set()


def test_the_panel_has_each_limit_with_its_settings_and_the_most_frequent_first() -> None:
    limits = limits_in_use(settings.load(), {"queue": 2, "uploads": 3})
    assert [(each.name, each.refused) for each in limits[:3]] == [
        ("uploads", 3), ("queue", 2), ("connections", 0)
    ]  # fmt: skip
    assert {each.name for each in limits} == set(LIMITS)
    assert limits[1].settings == {"QUEUE_LIMIT": "100"}
    assert limits_in_use(settings.load(), {})[1].settings == {"CONNECTION_RATE_PER_ADDRESS": "25"}
    assert all(each.text for each in limits)
