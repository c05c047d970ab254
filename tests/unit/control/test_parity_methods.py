"""A comparison over recorded days is made by another process, becomes evidence, and says why when there is none."""

from dataclasses import dataclass, field
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import anyio
import orjson
import pytest

from playd.control import parity_methods as parity
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.params import Nothing, ParityRun
from playd.control.protocol import Code, RpcError
from playd.core.modes import Environment, Mode
from playd.core.timeframes import DAY_MS
from playd.orders.ledger import Ledger
from playd.supervisor.evidence import EvidenceBook
from playd.world.virtual import VirtualWorld, virtual_world

STATE = PurePath("/state")
DAY = 19_723
"""2024-01-01, in days since 1970."""


@dataclass
class Heard:
    steps: list[str] = field(default_factory=list)

    async def step(self, data: dict[str, Any]) -> None:
        self.steps.append(data["text"])


def found(*, difference: dict[str, Any] | None = None) -> dict[str, Any]:
    record = {"play_digest": "d1", "created_ms": 1, "days": [DAY - 2, DAY - 1], "decisions": 12, "result_digest": "f" * 64}
    reasons = [] if difference is None else ["decisions differ"]
    evidence = {**record, "eligible": not reasons, "reasons": reasons}
    verdicts = [(DAY * DAY_MS - 60_000, "ENTER"), (DAY * DAY_MS, "NO_SIGNAL")]
    return {"evidence": evidence, "verdicts": verdicts, "difference": difference}


def build(report: dict[str, Any]) -> tuple[VirtualWorld, Daemon]:
    """A daemon with two instances of one Play, and a process that finds `report`."""
    world = virtual_world()
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    for close_ms, verdict in ((DAY * DAY_MS - 60_000, "ENTER"), (DAY * DAY_MS, "REFUSED")):
        for clock_ms in (60_000, 300_000):  # the other one is from before its Play was changed
            ledger.write(
                "INSERT INTO bars (instance, clock_ms, close_ms, processed_ms, verdict, detail) VALUES ('u1', ?, ?, 1, ?, '')",
                (clock_ms, close_ms, verdict),
            )
    slots = {name: slot(name, uid) for name, uid in (("alpha", "u1"), ("beta", "u2"))}

    async def run_module(module: str, arguments: tuple[str, ...]) -> int:
        world.process.ran.append((module, *arguments))
        world.disk.write_replace(PurePath(arguments[-1]), orjson.dumps(report), keep_previous=False)
        return 0

    setattr(world.process, "run_module", run_module)  # noqa: B010 - a process of the test's own
    parts = {
        "ops": SimpleNamespace(world=world, state_dir=STATE, comparing=anyio.Lock()),
        "clock": world.clock,
        "ledger": ledger,
        "supervisor": SimpleNamespace(slots=slots),
        "environment_of": lambda _: Environment.DEMO,
        "evidence": EvidenceBook(ledger, world.clock),
    }
    return world, cast("Daemon", SimpleNamespace(**parts))


def slot(name: str, uid: str) -> Any:
    record = {
        "clock_ms": 60_000,
        "uid": uid,
        "mode": Mode.DEMO,
        "play_path": "/plays/a.yml",
        "play_digest": "d1",
        "symbol": "BTCUSDT",
        "account": "m",
    }
    return SimpleNamespace(name=name, record=SimpleNamespace(**record), state="running")


@pytest.mark.anyio
async def test_instances_of_one_play_are_compared_once_and_both_have_the_evidence() -> None:
    world, daemon = build(found())
    call = Heard()
    answer = await parity.run(daemon, ParityRun(request_id="r", end_ms=DAY * DAY_MS, days=2), cast("Call", call))
    assert [(row["name"], row["result"]) for row in answer["rows"]] == [("alpha", "same"), ("beta", "same")]
    assert [(row["itself_bars"], row["itself_alike"]) for row in answer["rows"]] == [(2, 1), (0, 0)]
    ((module, play, folder, end_ms, days, _),) = world.process.ran
    assert (module, play, folder) == (parity.MODULE, "/plays/a.yml", "/state/market/live")
    assert (int(end_ms), days, len(call.steps)) == (DAY * DAY_MS, "2", 1)
    beta: Any = daemon.supervisor.slots["beta"].record
    beta.play_digest = "d2"  # added before its file was changed
    await parity.run(daemon, ParityRun(request_id="r", end_ms=DAY * DAY_MS, days=2), cast("Call", call))
    assert len(world.process.ran) == 3
    beta.play_digest = "d1"
    kept = await parity.get(daemon, Nothing(), cast("Call", call))
    assert [(row["name"], row["days"]) for row in kept] == [(name, ["2023-12-30", "2023-12-31"]) for name in ("alpha", "beta")]


@pytest.mark.anyio
async def test_a_difference_is_named_with_its_time_and_what_could_not_be_compared_leaves_no_evidence() -> None:
    difference = {"what": "decision", "time_ms": DAY * DAY_MS, "backtest": "ENTER", "daemon": "NO_SIGNAL", "candle": None}
    _, daemon = build(found(difference=difference))
    (row, _) = (await parity.run(daemon, ParityRun(request_id="r"), cast("Call", Heard())))["rows"]
    assert (row["result"], row["what"]) == ("differs", "2024-01-01T00:00:00.000Z: decision")
    _, without = build({"error": "no bar of BTCUSDT was recorded"})
    (row, _) = (await parity.run(without, ParityRun(request_id="r"), cast("Call", Heard())))["rows"]
    assert (row["result"], row["what"]) == ("not_compared", "no bar of BTCUSDT was recorded")
    assert without.evidence.latest() == []
    async with without.ops.comparing:
        with pytest.raises(RpcError) as busy:
            await parity.run(without, ParityRun(request_id="r"), cast("Call", Heard()))
    assert busy.value.code is Code.BUSY


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("environment", "result"),
    [
        (Environment.LIVE, "same"),
        (Environment.DEMO, "same"),
        (Environment.TESTNET, "shows_nothing"),
        (Environment.LOCAL, "shows_nothing"),
    ],
)
async def test_days_of_another_market_than_the_real_one_are_no_evidence(environment: Environment, result: str) -> None:
    _, daemon = build(found())
    cast("Any", daemon).environment_of = lambda _: environment
    rows = (await parity.run(daemon, ParityRun(request_id="r", days=2), cast("Call", Heard())))["rows"]
    assert [row["result"] for row in rows] == [result, result]
    assert [each.passed for each in daemon.evidence.about("parity", "d1")] == [result == "same"]
    if result != "same":
        assert f"recorded on {environment}" in str(daemon.evidence.about("parity", "d1")[0].numbers["reasons"])
