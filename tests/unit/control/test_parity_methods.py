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
    answer = await parity.run(daemon, ParityRun(request_id="r", days=2), cast("Call", call))
    assert [(row["name"], row["result"]) for row in answer["rows"]] == [("alpha", "same"), ("beta", "same")]
    assert [(row["itself_bars"], row["itself_alike"]) for row in answer["rows"]] == [(2, 1), (0, 0)]
    ((module, play, folder, date, days, _),) = world.process.ran
    assert (module, play, folder) == (parity.MODULE, "/plays/a.yml", "/state/market/live")
    assert (date, days, len(call.steps)) == ("", "2", 1)
    beta: Any = daemon.supervisor.slots["beta"].record
    beta.play_digest = "d2"  # added before its file was changed
    await parity.run(daemon, ParityRun(request_id="r", days=2), cast("Call", call))
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


@pytest.mark.anyio
async def test_a_day_is_compared_alone_and_with_a_number_the_days_that_end_with_it() -> None:
    world, daemon = build(found())
    for symbol, date in (("BTCUSDT", "2023-12-31"), ("ETHUSDT", "2023-12-30")):
        world.disk.mkdir(STATE / "market" / "live" / date)
        world.disk.write_replace(STATE / "market" / "live" / date / f"{symbol}.1m.jsonl", b"")
    await parity.run(daemon, ParityRun(request_id="r", date="2023-12-31"), cast("Call", Heard()))
    await parity.run(daemon, ParityRun(request_id="r", date="2023-12-31", days=3), cast("Call", Heard()))
    assert [each[3:5] for each in world.process.ran] == [("2023-12-31", "1"), ("2023-12-31", "3")]
    other: Any = daemon.supervisor.slots["beta"].record
    other.symbol = "ETHUSDT"
    rows = (await parity.run(daemon, ParityRun(request_id="r", date="2023-12-31"), cast("Call", Heard())))["rows"]
    assert [(row["name"], row["result"]) for row in rows] == [("alpha", "same"), ("beta", "not_compared")]
    assert rows[1]["what"] == (
        "no bar of ETHUSDT was recorded on 2023-12-31; its market was from 2023-12-30 to 2023-12-31 (live)"
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("date", "code", "says"),
    [
        ("2023-02-30", Code.INVALID_PARAMS, "found '2023-02-30', expected a UTC date, such as"),
        ("2999-01-01", Code.INVALID_PARAMS, "found 2999-01-01, which is to come, expected a UTC day up to 20"),
        ("2023-12-31", Code.NOT_FOUND, "no bar of BTCUSDT was recorded on 2023-12-31; nothing of its market was"),
    ],
)
async def test_what_is_no_day_one_to_come_and_one_that_was_not_recorded_are_refused(date: str, code: Code, says: str) -> None:
    world, daemon = build(found())
    with pytest.raises(RpcError, match=says) as refused:
        await parity.run(daemon, ParityRun(request_id="r", date=date), cast("Call", Heard()))
    assert refused.value.code is code
    assert world.process.ran == []
