"""What stands before a start with real money waits for no venue, compiles nothing on the loop, and cannot be forged."""

from types import SimpleNamespace
from typing import Any, cast

import anyio
import orjson
import pytest

from playd.cli.runtime import Runtime
from playd.control import params as p
from playd.control import preflight
from playd.control.arming_methods import confirm_live, import_evidence
from playd.control.protocol import Code, RpcError
from playd.core.errors import OperatorError
from playd.core.modes import Mode
from playd.supervisor.arming import Link

pytestmark = pytest.mark.anyio

SLOT = cast(
    "Any", SimpleNamespace(name="mine", record=SimpleNamespace(account="main", uid="u"), facts=SimpleNamespace(warm=False))
)
RECORD = SLOT.record


async def test_an_account_whose_venue_is_away_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playd.cli.runtime.OPEN_WITHIN_S", 0.0)
    away = SimpleNamespace(
        ready=lambda _plan: anyio.sleep_forever(), held={"main": SimpleNamespace(step="start barrier: away")}
    )

    async def read(_record: Any) -> None:
        return None

    runtime = cast("Runtime", SimpleNamespace(accounts=away, read_play=read, plan_of=lambda *_: None))
    with pytest.raises(OperatorError, match="main is not open: start barrier: away"):
        await Runtime.open_account(runtime, RECORD)


async def test_an_armed_instance_starts_for_its_exits_while_its_account_is_not_open() -> None:
    async def away(_record: Any) -> None:
        raise OperatorError("account main is not open: start barrier: away")

    link = Link("not_a_live_account", "the key of account main has not been read")
    accounts = SimpleNamespace(find=lambda _alias: None)
    daemon, call = (
        SimpleNamespace(chain=lambda _record: link, accounts=accounts, open_account=away),
        SimpleNamespace(warnings=[]),
    )
    await confirm_live(cast("Any", daemon), SLOT, "", cast("Any", call))
    assert [code for code, _ in call.warnings] == ["exits_only"]


@pytest.mark.parametrize("kind", ["preflight", "panic_rehearsal"])
async def test_evidence_that_only_the_daemon_can_have_seen_is_not_imported(kind: str) -> None:
    daemon: Any = SimpleNamespace(clock=SimpleNamespace(wall_ms=lambda: 2), evidence=None)
    content = orjson.dumps({"kind": kind, "play_digest": "main", "created_ms": 1, "eligible": True}).decode()
    with pytest.raises(RpcError) as caught:
        await import_evidence(daemon, p.ImportEvidence(request_id="r", content=content), cast("Any", None))
    assert caught.value.code is Code.INVALID


async def test_a_look_compiles_a_play_elsewhere_before_it_reads_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    async def compile_for(_play: Any) -> None:
        said.append("compiled")

    async def load(*_given: Any) -> None:
        raise OperatorError(" ".join(said))

    async def read(_path: Any) -> str:
        return "play"

    monkeypatch.setattr(preflight, "load_program", load)
    record = SimpleNamespace(mode=Mode.LIVE, play_path="p.yml", symbol="BTCUSDT")
    slot: Any = SimpleNamespace(record=record, facts=SimpleNamespace(warm=False))
    commands = SimpleNamespace(read_play=read)
    daemon: Any = SimpleNamespace(find_hub=lambda _record: object(), compile_for=compile_for, commands=commands)
    with pytest.raises(OperatorError, match=r"^compiled$"):
        await preflight._warm_up(daemon, slot)
