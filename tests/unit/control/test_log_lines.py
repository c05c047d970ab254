"""Which log lines are wanted: every filter by itself, and all together."""

from typing import Any

import pytest

from playd.control.log_lines import LineFilter

LINE = {
    "ts": "2024-01-31T12:00:00.000Z",
    "level": "warning",
    "event": "order.state",
    "instance": "alpha",
    "account": "main",
    "symbol": "BTCUSDT",
    "link_id": "pde-1",
    "intent": "abc/60000/enter/0",
    "msg": "a text",
}
NOON_MS = 1_706_702_400_000


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ({"instance": "alpha"}, {"instance": "beta"}),
        ({"account": "main"}, {"account": "demo"}),
        ({"symbol": "BTCUSDT"}, {"symbol": "ETHUSDT"}),
        ({"order": "pde-1"}, {"order": "pde"}),
        ({"intent": "abc/60000/enter/0"}, {"intent": "abc"}),
        ({"level": "WARNING"}, {"level": "error"}),
        ({"event": "order.*"}, {"event": "fill.*"}),
        ({"grep": "text"}, {"grep": "else"}),
        ({"since_ms": NOON_MS}, {"since_ms": NOON_MS + 1}),
        ({"until_ms": NOON_MS + 1}, {"until_ms": NOON_MS}),
    ],
)
def test_each_filter_lets_its_own_through_and_nothing_else(asked: dict[str, Any], other: dict[str, Any]) -> None:
    assert LineFilter(**asked).passes(LINE)
    assert not LineFilter(**other).passes(LINE)
    assert not LineFilter(**{**asked, "grep": "nowhere"}).passes(LINE)


def test_a_line_without_the_field_is_not_wanted_and_no_filter_wants_all() -> None:
    assert LineFilter().passes({"event": "x"})
    assert not LineFilter(account="main").passes({"event": "x"})
