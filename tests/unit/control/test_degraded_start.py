"""What a start went without is told for as long as it lacks, by name, reason and age, and no longer."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control import health, rows
from playd.control.health import Check
from playd.supervisor.accounts import OpenAccount

LACKING = "degraded: account main: start barrier: no answer; "


@pytest.mark.parametrize(("ok", "begins"), [(False, LACKING), (True, "no instances")])
def test_the_line_of_the_service_manager_names_what_is_lacking(monkeypatch: pytest.MonkeyPatch, ok: bool, begins: str) -> None:
    found = [Check("start", True, "ready"), Check("account main", ok, "start barrier: no answer")]
    monkeypatch.setattr(health, "ready_checks", lambda daemon: found)
    monkeypatch.setattr(rows, "all_accounts", lambda daemon: [])
    daemon: Any = SimpleNamespace(
        supervisor=SimpleNamespace(slots={}),
        halts=SimpleNamespace(in_force=list),
        clock=SimpleNamespace(wall_ms=lambda: 0),
        guardian=SimpleNamespace(age_s=None),
    )
    assert health.status_line(daemon).startswith(begins)


@pytest.mark.anyio
async def test_an_account_that_is_not_open_says_for_how_long_it_is_at_its_step() -> None:
    daemon: Any = SimpleNamespace(clock=SimpleNamespace(mono_s=lambda: 100.0))
    held = OpenAccount(cast(Any, None), step="start barrier: reconciliation: no answer", step_since_s=58.0)
    assert rows.account_step(daemon, held) == "start barrier: reconciliation: no answer, for 42 s"
    assert rows.account_step(daemon, OpenAccount(cast(Any, None))) == "not opened"
