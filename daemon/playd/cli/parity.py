"""
`playd parity`: the same Play over the same candles, once as a backtest, once by the daemon's own parts over real sockets.

The daemon's side is an embedded exchange in lock-step, an account with ledger, gates and streams, a hub and a supervised
instance, as in `playd run`; only its disk is in memory and its rate budget has no limits, because market time runs freely.
Decisions, verdict by verdict, and trades, field by field, must be the same bits.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

import anyio
import numpy as np
import orjson
import structlog

from playd.cli.evidence_files import parity_evidence, write_evidence
from playd.cli.inputs import candles_of, play_of
from playd.cli.reports import Reports
from playd.cli.runtime import Runtime, open_runtime
from playd.cli.runtime_plan import RuntimePlan
from playd.control.figures import rfc3339
from playd.control.streams import StreamHub
from playd.core.candles import Candles
from playd.core.errors import CandleError, PlaydError
from playd.core.instrument import synthetic_instrument
from playd.core.modes import Mode
from playd.core.timeframes import MINUTE_MS, bar_open_ms
from playd.engine.records import RUNNING, VERDICTS
from playd.engine.trades import TradeRecord
from playd.engine.verdicts import NO_SIGNAL
from playd.market.feed import RecordedFeed
from playd.market.rates import NO_FUNDING, USUAL_INTERVAL_MS, Funding
from playd.ops.journal import open_journal
from playd.ops.meters import Meters
from playd.orders.halts import Halts
from playd.orders.ledger import Ledger
from playd.plays.compile import compile_program
from playd.plays.model import BacktestMoney, Play
from playd.research.backtest import BacktestResult, run_backtest
from playd.research.loop import ENDINGS
from playd.settings import Settings
from playd.supervisor.edge import first_of
from playd.supervisor.enrol import own_account
from playd.supervisor.loading import Turn
from playd.supervisor.records import InstanceRecord
from playd.supervisor.slot import Slot
from playd.venues.exchange.config import AS_FAST_AS_POSSIBLE
from playd.venues.port import Budget, Priority
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop
from playd.world.virtual import ManualClock, MemoryDisk

EXIT_DIFFERENT: Final = 10
_INTEREST_EVERY_MS: Final = 5 * MINUTE_MS
STALL_S: Final = 60.0
STATE: Final = PurePath("/parity")
HALTED: Final = "halted"
"""What an engine says to a bar after the drawdown rule or a liquidation has ended its trading."""


@dataclass(frozen=True, slots=True)
class ParityOptions:
    """The flags of `playd parity`."""

    play: str
    candles: str
    reference: str
    symbol: str
    as_json: bool
    evidence: str
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference: what it is about, when, and both sides."""

    what: str
    time_ms: int
    backtest: Any
    daemon: Any


@dataclass(frozen=True, slots=True)
class Side:
    """
    What one of the two sides decided and traded: (close, verdict) per execution close, trade records as JSON.

    `over_ms` is the close at which a backtest ended before its data did (drawdown rule, liquidation), else None.
    """

    verdicts: list[tuple[int, str]]
    trades: list[dict[str, object]]
    over_ms: int | None = None


class Stalled(PlaydError):
    """Market time stood still although nothing was held."""

    exit_code = 5


class FreeBudget:
    """A rate budget without limits, for an exchange that counts nothing because its time runs as fast as it can."""

    async def take(self, endpoint: str, priority: Priority, *, owner: str = "") -> None:
        """Leave at once."""

    def take_now(self, endpoint: str, priority: Priority, *, owner: str = "") -> bool:
        """Always."""
        return True

    def learn(self, endpoint: str, *, limit: int | None, left: int | None, reset_ms: int | None, code: int | None) -> None:
        """There is nothing to learn."""

    def banned(self) -> None:
        """The embedded exchange bans nobody."""

    @property
    def banned_for_s(self) -> float:
        """Never."""
        return 0.0

    @property
    def entries_paused_for_s(self) -> float:
        """Never."""
        return 0.0

    @property
    def missing_stops(self) -> int:
        """Nothing waits."""
        return 0


def run_parity_command(options: ParityOptions) -> int:
    """Run both sides and compare; 0 when they are the same, 10 with the first difference."""
    world = real_world()
    errors_alone(world)
    play = play_of(world, options.play, options.overrides, options.symbol)
    candles = candles_of(world, options.candles, options.reference, play)
    result, trader = compare(world, play, candles)
    backtest = side_of(result)
    difference = first_difference(backtest, trader)
    if options.evidence:
        decisions = sum(verdict != NO_SIGNAL for _, verdict in backtest.verdicts)
        record = parity_evidence(world, result, options.play, same=difference is None, decisions=decisions)
        print(f"evidence written to {write_evidence(world, options.evidence, record)}", file=sys.stderr)
    if options.as_json:
        print(orjson.dumps(_as_json(result, backtest, difference)).decode())
    elif difference is None:
        print(
            f"parity: {play.name} on {play.symbol}: {len(backtest.verdicts)} decisions and {len(backtest.trades)} trades"
            f" over {len(result.candles)} candles are the same, bit for bit (result {result.hashes['result_hash'][:16]})"
        )
    else:
        print(f"parity: {play.name}: first difference at {rfc3339(difference.time_ms)}: {difference.what}")
        print(f"  backtest: {difference.backtest}\n  daemon:   {difference.daemon}")
    return 0 if difference is None else EXIT_DIFFERENT


def compare(
    world: World, play: Play, candles: Candles, funding: Funding = NO_FUNDING, *, start_ms: int | None = None
) -> tuple[BacktestResult, Side]:
    """
    Both sides over the same window. The daemon's money is used on both, whatever the Play's `backtest` says.

    The window starts at `start_ms`, an open of the execution clock, else at `start_of`.

    What stands beside the candles is what both sides read; where nothing does, what the embedded exchange says. That one
    liquidates by the last price in either case.

    The exchange stamps `funding` at the instrument's own times only (every eight hours); the backtest wherever it is given.
    """
    money = BacktestMoney(play.deploy.capital_usdt, play.account.slippage_bps)
    play = replace(play, backtest=money)
    instrument = synthetic_instrument(play.symbol, float(candles.open[0]))
    start_ms = start_of(play, candles) if start_ms is None else start_ms
    said = candles if _has_said(candles) else said_by_exchange(play, candles, funding, start_ms)
    result = run_backtest(play, said, instrument, start_ms=start_ms, funding=funding)
    trader = TraderSide(replace_disk(world), play, candles, result)
    try:
        return result, run_loop(lambda _: trader.run(), world)
    except BaseExceptionGroup as group:
        known = first_of(group, PlaydError)
        if known is None:
            raise
        raise known from group


def _has_said(candles: Candles) -> bool:
    return any(each is not None for each in (candles.mark, candles.funding_rate, candles.open_interest))


def said_by_exchange(play: Play, candles: Candles, funding: Funding, start_ms: int) -> Candles:
    """
    The candles with what the embedded exchange says beside them, for a Play that reads any of it: of the next stamp a rate of 0
    where nothing is stamped, from the last stamp before its market begins on; an open interest of 0 at every fifth minute.
    """
    if not compile_program(play, candles.step_ms).reads_market:
        return candles
    closes_ms = candles.open_time_ms + candles.step_ms
    rates, since_ms = funding.known_at(closes_ms), bar_open_ms(start_ms, USUAL_INTERVAL_MS)
    rates = np.where(np.isnan(rates) & (closes_ms >= since_ms), 0.0, rates)
    first_ms = -(-int(candles.open_time_ms[0]) // _INTEREST_EVERY_MS) * _INTEREST_EVERY_MS
    return replace(candles, funding_rate=rates, open_interest=np.where(closes_ms >= first_ms, 0.0, np.nan))


def start_of(play: Play, candles: Candles) -> int:
    """The first execution bar behind the warm-up; behind a quarter of the candles when there are too few for it."""
    program = compile_program(play, candles.step_ms)
    first_ms, end_ms = int(candles.open_time_ms[0]), int(candles.open_time_ms[-1]) + candles.step_ms
    warm_ms = program.warmup_ms if first_ms + 2 * program.warmup_ms <= end_ms else (end_ms - first_ms) // 4
    start_ms = bar_open_ms(first_ms + max(warm_ms, candles.step_ms) + program.exec_step_ms - 1, program.exec_step_ms)
    if start_ms >= end_ms:
        raise CandleError(f"{len(candles)} candles are too few for one execution bar behind the warm-up")
    return start_ms


def replace_disk(world: World) -> World:
    """The same world with a disk in memory: nothing of a comparison is worth keeping."""
    return replace(world, disk=MemoryDisk(ManualClock()))


def side_of(result: BacktestResult) -> Side:
    """The backtest's side. What it closes because the data ends, the daemon leaves protected at the venue."""
    verdicts = [
        (int(close_ms), VERDICTS[int(code)]) for close_ms, code in zip(result.decision_times_ms, result.verdicts, strict=True)
    ]
    trades = [trade.as_json() for trade in result.trades if trade.exit_reason != "end_of_data"]
    return Side(verdicts, trades, verdicts[-1][0] if verdicts and result.ended != ENDINGS[RUNNING] else None)


def first_difference(backtest: Side, daemon: Side) -> Difference | None:
    """The earliest difference in verdicts or trades, or None."""
    found = [*_verdict_difference(backtest, daemon), *_trade_difference(backtest.trades, daemon.trades)]
    return min(found, key=lambda difference: difference.time_ms, default=None)


def _verdict_difference(backtest: Side, daemon: Side) -> list[Difference]:
    """Where a backtest is over, the daemon goes on seeing bars: it must say `halted` to each of them."""
    ours, theirs = dict(backtest.verdicts), dict(daemon.verdicts)
    for close_ms in sorted(ours.keys() | theirs.keys()):
        is_over = backtest.over_ms is not None and close_ms > backtest.over_ms
        expected = HALTED if is_over else ours.get(close_ms)
        if expected != theirs.get(close_ms):
            return [Difference("decision", close_ms, expected, theirs.get(close_ms))]
    return []


def _trade_difference(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> list[Difference]:
    for number in range(max(len(ours), len(theirs))):
        left = ours[number] if number < len(ours) else None
        right = theirs[number] if number < len(theirs) else None
        if left == right:
            continue
        there = left or right or {}
        time_ms = int(there.get("entry_time_ms", 0))
        if left is None or right is None:
            return [Difference(f"trade {number + 1} is missing on one side", time_ms, left, right)]
        names = [name for name in left if left[name] != right.get(name)]
        sides = ({name: left[name] for name in names}, {name: right.get(name) for name in names})
        return [Difference(f"trade {number + 1}: {', '.join(names)}", int(left["exit_time_ms"]), *sides)]
    return []


def _as_json(result: BacktestResult, backtest: Side, difference: Difference | None) -> dict[str, Any]:
    return {
        "play": result.play.name,
        "symbol": result.play.symbol,
        "bars": len(result.candles),
        "decisions": len(backtest.verdicts),
        "trades": len(backtest.trades),
        "hashes": result.hashes,
        "same": difference is None,
        "difference": None
        if difference is None
        else {
            "what": difference.what,
            "time_ms": difference.time_ms,
            "backtest": difference.backtest,
            "daemon": difference.daemon,
        },
    }


def errors_alone(world: World) -> None:
    """Of the daemon's log, errors go to standard error and nothing else is said."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40), logger_factory=_to_stderr(world))


def _to_stderr(world: World) -> Any:
    class Line:
        def msg(self, line: str) -> None:
            world.process.write_stderr(line.encode() + b"\n")

        debug = info = warning = error = critical = exception = msg

    return lambda *_: Line()


class TraderSide:
    """The daemon's parts over one recording, until the recording is over."""

    def __init__(self, world: World, play: Play, candles: Candles, result: BacktestResult) -> None:
        self._world = world
        self._play = play
        self._candles = candles
        self._result = result
        self._verdicts: list[tuple[int, str]] = []
        self._trades: list[TradeRecord] = []

    async def run(self) -> Side:
        """Trade through the recording. Raises `Stalled`, or whatever made the instance fail."""
        world = self._world
        for name in ("exchange", "instances"):
            world.disk.mkdir(STATE / name)
        ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
        try:
            async with open_journal(world, STATE / "journal", Settings().journal, version="parity") as (journal, _):
                halts = Halts(ledger, world.disk, world.clock, journal, STATE)
                reports = _Collector(journal, StreamHub(), self._verdicts, self._trades)
                async with open_runtime(world, self._plan(), ledger, halts, journal, reports) as runtime:
                    return await self._trade(runtime)
        finally:
            ledger.close()

    async def _trade(self, runtime: Runtime) -> Side:
        slot = runtime.supervisor.add(self._record())
        runtime.supervisor.start(slot, runtime.admit, "parity")
        await slot.settled.wait()
        account = runtime.accounts.find(slot.record.account)
        if account is not None:
            await account.wait_ready()
        engine = slot.engine
        if runtime.exchange is None or engine is None:
            raise PlaydError(f"the instance did not start: {slot.reason_text}")
        runtime.exchange.release()
        async with anyio.create_task_group() as group:
            group.start_soon(_watch_for_stall, runtime)
            await _market_over(slot)
            group.cancel_scope.cancel()
        if slot.engine is not engine:
            raise PlaydError(f"the instance did not survive: {slot.reason_text or 'restarted'}")
        return Side(self._verdicts, [trade.as_json() for trade in self._trades])

    def _plan(self) -> RuntimePlan:
        start_ms = int(self._result.candles.open_time_ms[0])
        history_ms = start_ms - int(self._candles.open_time_ms[0])
        funding = self._result.funding
        rates = dict(zip(funding.time_ms.tolist(), funding.rate.tolist(), strict=True))
        return RuntimePlan(
            settings=Settings(),
            feed=RecordedFeed(self._candles.apart(), history_ms=history_ms, funding_rates={self._play.symbol: rates}),
            speed=AS_FAST_AS_POSSIBLE,
            exchange_records=STATE / "exchange" / "records.sqlite",
            instances_dir=STATE / "instances",
            ceiling=Mode.PAPER,
            key_accounts={},
            refused_accounts={},
            budget_of=_free_budget,
            play_of=lambda _: self._play,
            read_play=self._read_play,
            told=self._candles if _has_said(self._candles) else None,
            compile_for=_compiled_already,
            rate_limits=False,
        )

    async def _read_play(self, _record: InstanceRecord, _turn: Turn) -> Play:
        return self._play

    def _record(self) -> InstanceRecord:
        play, now_ms = self._play, self._world.clock.wall_ms()
        return InstanceRecord(
            uid="parity00",
            name="parity",
            account=own_account(Mode.PAPER, "parity00"),
            mode=Mode.PAPER,
            symbol=play.symbol,
            play_path=play.source,
            play_digest=play.play_hash,
            capital_usd=format(Decimal(repr(play.backtest.equity_usdt)), "f"),
            clock_ms=self._result.program.decision_step_ms,
            created_ms=now_ms,
            changed_ms=now_ms,
            anchor_ms=self._result.anchor_ms,
        )


class _Collector(Reports):
    """Reports that remember every verdict and every trade."""

    def __init__(self, journal: Any, streams: StreamHub, verdicts: list[tuple[int, str]], trades: list[TradeRecord]) -> None:
        super().__init__(journal, streams, Meters())
        self._verdicts = verdicts
        self._trades = trades

    def instance(self, event: str, slot: Slot, fields: dict[str, Any]) -> None:
        if event == "bar.verdict":
            self._verdicts.append((int(fields["close_ms"]), str(fields["verdict"])))
        elif event == "fill.booked" and slot.engine is not None:
            newest = slot.engine.engine.trades[-1:]
            if newest and (not self._trades or newest[0] is not self._trades[-1]):
                self._trades.append(newest[0])
        super().instance(event, slot, fields)


async def _compiled_already(play: Play) -> None:
    """The backtest before has compiled everything in this process."""


def _free_budget(alias: str) -> Budget:
    return FreeBudget()


async def _market_over(slot: Slot) -> None:
    """Until the instance has seen the last bar, or is gone."""
    while slot.active and "market_ended" not in slot.facts.causes and slot.crashes == 0:
        await slot.touched.wait()


async def _watch_for_stall(runtime: Runtime) -> None:
    """Raise `Stalled` when market time stands still."""
    before = -1
    while (now_ms := runtime.market_ms() or 0) != before:
        before = now_ms
        await anyio.sleep(STALL_S)
    raise Stalled(f"market time stands still at {rfc3339(before)}")
