"""In which order a start does what takes long."""

from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.cli import serving
from playd.control import health
from playd.control.context import Progress
from playd.control.health import Check
from playd.ops.notify import ServiceManager
from playd.settings import Settings
from playd.world.virtual import virtual_world


class Kernels(Exception):
    """The start has come to the kernels."""


@pytest.mark.anyio
async def test_accounts_where_something_is_open_do_not_wait_for_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def clock() -> None:
        seen.append("clock")

    async def filled(*given: object) -> None:
        seen.append("roster")

    async def rehearse(*given: object) -> None:
        raise Kernels

    monkeypatch.setattr(serving, "rehearse_plays", rehearse)
    monkeypatch.setattr(serving, "_play_paths", lambda *given: [])
    monkeypatch.setattr(serving, "Roster", lambda *given: SimpleNamespace(fill=filled))
    slots = {
        name: SimpleNamespace(record=SimpleNamespace(name=name, account=account))
        for name, account in (("real", "main"), ("paper", "local-paper"))
    }
    runtime = SimpleNamespace(
        records=None,
        supervisor=SimpleNamespace(slots=slots),
        plan=SimpleNamespace(instances_dir=None, key_accounts={"main": None}),
        clock_watch=SimpleNamespace(begin=clock),
        watch=lambda record: seen.append(record.name),
    )
    world = virtual_world()
    daemon = SimpleNamespace(
        world=world,
        runtime=runtime,
        records=SimpleNamespace(halts=None),
        candles=None,
        service=ServiceManager(world.process),
        context=SimpleNamespace(progress=Progress(), commands=SimpleNamespace(read_play=None)),
        loaded=SimpleNamespace(settings=Settings(), locations=SimpleNamespace(config_dir=PurePath("/config"))),
    )
    with pytest.raises(Kernels):
        await serving._start_instances(cast(Any, daemon))
    assert seen == ["roster", "clock", "real"]


def test_a_start_that_is_late_says_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Check("start", False, "accounts"),
        Check("ledger", True, ""),
        Check("account main", False, "start barrier: no answer"),
    ]
    monkeypatch.setattr(health, "ready_checks", lambda context: found)
    assert serving._waits_for(cast(Any, None)) == "account main: start barrier: no answer"


@pytest.mark.anyio
async def test_an_instance_that_a_person_removes_between_two_starts_is_not_started() -> None:
    record = SimpleNamespace(enabled=True, desired="running")
    slots = {name: SimpleNamespace(name=name, record=record, active=False) for name in ("a", "b", "c")}
    begun: list[str] = []

    def start(slot: Any, *given: object) -> None:
        begun.append(slot.name)
        slots.pop("b", None)

    async def read(record: Any) -> None:
        """Every Play is known already."""

    supervisor = SimpleNamespace(slots=slots, start=start)
    daemon = SimpleNamespace(runtime=SimpleNamespace(supervisor=supervisor, admit=None, read_play=read))
    await serving._start_wanted(cast(Any, daemon), lambda name, text: None)
    assert begun == ["a", "c"]
