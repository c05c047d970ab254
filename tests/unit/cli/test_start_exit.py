"""What `playctl start` and `playctl restart` end with, by the row that the daemon answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from playd.cli import session as asking
from playd.cli.playctl_change import restart, start
from playd.cli.session import Options, Session
from playd.control.protocol import JsonObject
from playd.control.render import Output
from playd.world.virtual import virtual_world

pytestmark = pytest.mark.anyio

AWAY: JsonObject = {"value": None, "age_s": None}


def row(state: str, *codes: str) -> JsonObject:
    reasons = [{"code": code, "text": f"because of {code}", "since": None} for code in codes]
    known: JsonObject = {"name": "mine", "capital_step": "full", "position": AWAY, "stop_at_venue": AWAY}
    return {**known, "state": state, "reasons": reasons, "statistics": {"trades": 0, "net_pnl_usdt": "0.0"}}


@pytest.mark.parametrize("command", [start, restart])
@pytest.mark.parametrize(
    ("answer", "ends_with"),
    [
        (row("running"), 0),
        (row("warming", "warming"), 0),
        (row("paused", "HALTED"), 0),
        (row("failed", "state_unreadable"), 1),
        (row("failed", "history_too_short", "HALTED"), 1),
        (row("failed", "quarantine", "play_invalid"), 1),
        (row("failed", "play_invalid"), 6),
        (row("failed", "PLAY_INVALID"), 6),
    ],
)
async def test_a_start_whose_row_says_failed_does_not_end_with_zero(
    command: Any, answer: JsonObject, ends_with: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Daemon:
        """Answers the start with the row."""

        async def call(self, method: str, params: JsonObject, *, timeout_s: float | None = None) -> JsonObject:
            return {} if method == "hello" else {"data": answer, "warnings": []}

    @asynccontextmanager
    async def connected(_net: object, _path: object, *, timeout_s: float) -> AsyncIterator[Daemon]:
        yield Daemon()

    monkeypatch.setattr(asking, "connected", connected)
    session = Session(virtual_world(), Options(Output.TABLE, (), "", None, False, "", False, ""))
    options = {"confirm": ""} if command is start else {}
    assert await command(session, "mine", **options) == ends_with
    assert answer["state"] in capsys.readouterr().out
