"""
One life of an instance: from its record to a warm engine, through its bars, to its end.

Everything that a life opens (subscription, registration) is closed when it ends, however it ends.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePath
from typing import Final, Protocol

import anyio

from playd.core.candles import Candles
from playd.core.errors import StateError
from playd.core.instrument import Instrument
from playd.core.modes import Mode
from playd.core.timeframes import bar_open_ms
from playd.engine.play_engine import SNAPSHOT_VERSION, PlayEngine
from playd.market.hub import MarketHub
from playd.market.paired import paired_bars
from playd.market.said import Bars, SaidBars
from playd.orders.halts import instance_scope
from playd.plays.column_image import ColumnImage
from playd.plays.model import Play
from playd.plays.program import Program
from playd.supervisor.column_keeper import KEEP, ColumnKeeper, Images, Owner
from playd.supervisor.counting import counted, recounted
from playd.supervisor.instance import EngineInstance
from playd.supervisor.instance_ports import BarSource
from playd.supervisor.keeper import Keeper, Kept
from playd.supervisor.loading import Turn, load_program, warm_up
from playd.supervisor.places import Place
from playd.supervisor.play_stop import PlayStop
from playd.supervisor.records import InstanceRecord, RecordStore
from playd.supervisor.rehearsal import rehearsal
from playd.supervisor.slot import Slot, Statistics
from playd.supervisor.surroundings import Report, ShellAround
from playd.supervisor.translate import Identity
from playd.supervisor.turns import Pen, Turns
from playd.world.ports import World
from playd.world.quarantine import FOLDER

_TRIES: Final = 5
_AGAIN_AFTER_S: Final = 1.0
"""So often and so soon a venue is asked for a candle that only its stream has shown; it hides them for about two seconds."""

ACCOUNT_WITHIN_S: Final = 10.0
"""How long a life waits for its account to take entries before it looks at bars: the newest one may be fresh enough."""


TURN_WITHIN_S: Final = 5.0
"""Where everything ends at once, nobody hands out turns any more."""


class HistoryTooShort(StateError):
    """The venue has fewer candles than the Play needs before its first decision."""


@dataclass(frozen=True, slots=True)
class LifeParts:
    """What every life is built from."""

    world: World
    hub_of: Callable[[InstanceRecord], MarketHub]
    records: RecordStore
    instances_dir: PurePath
    base_step_ms: int
    entry_max_age_ms: int
    decision_budget_s: float
    play_of: Callable[[InstanceRecord], Awaitable[Play]]
    compile_for: Callable[[Play], Awaitable[None]]
    place_of: Callable[[InstanceRecord, Play], Awaitable[Place]]
    report: Report
    refresh: Callable[[Slot], None]
    turns: Turns
    pen: Pen
    code: str
    """Version of what computes columns, see `world.kernel_cache.code_version`."""
    on_computed: Callable[[Slot, float], None] = lambda _slot, _took_s: None
    """Hears how many seconds the columns and the decision of each bar took."""


async def live(slot: Slot, parts: LifeParts, on_engine: Callable[[EngineInstance], None]) -> None:
    """
    Run one life of an instance until cancelled. Raises whatever ended it.

    Raises `PlayError`, `StateError` (also `HistoryTooShort`) and `OperatorError` for what a restart cannot mend.
    """
    record, turn = slot.record, parts.turns.take_behind
    await turn()  # who begins may be one of a hundred
    play = await parts.play_of(record)
    keeper = Keeper(parts.world.disk, parts.instances_dir, record.name)
    # The account first: whatever is wrong with the kept state, the position is reconciled, protected and can be closed.
    place = await parts.place_of(record, play)
    await turn()
    found = kept_of(keeper, record, parts.world.clock.wall_ms())
    refuse_ahead(keeper, record, parts.records, found)
    lost = lost_of(keeper, record, parts.records) if found is None else ""
    kept = _of_this_version(slot, parts, keeper, found)
    # Only then: making the Program compiles what no child has compiled, and holds the loop for seconds.
    await parts.compile_for(play)
    program = await load_program(play, parts.base_step_ms, turn)
    with anyio.move_on_after(ACCOUNT_WITHIN_S):
        await place.ready()
    await turn()
    _tell_damage(slot, parts, place, kept, lost)
    images = ColumnKeeper(parts.world.disk, parts.instances_dir, record.name, Owner(record.uid, record.play_digest, parts.code))
    image = _image_of(slot, parts, images, kept)
    hub = parts.hub_of(record)
    slot.symbols = record.symbol, *((play.reference,) if program.reads_reference and play.reference else ())
    slot.said = program.reads_market
    history = await history_of(hub, parts.base_step_ms, slot, program, kept, image)
    last_open_ms = _last_open_ms(parts, record, program, kept, history)
    async with _bars_of(hub, slot, last_open_ms) as alone:
        bars = SaidBars(alone, hub, parts.world.clock, slot.said) if slot.said else alone
        warm = _Warm(play, program, keeper, images, image, kept, history, last_open_ms, place, bars)
        await _with_port(slot, parts, warm, on_engine)


@dataclass(frozen=True, slots=True)
class _Warm:
    """What is known before the engine exists."""

    play: Play
    program: Program
    keeper: Keeper
    images: ColumnKeeper
    image: ColumnImage | None
    kept: Kept | None
    history: Candles
    last_open_ms: int
    place: Place
    bars: BarSource


async def _with_port(slot: Slot, parts: LifeParts, warm: _Warm, on_engine: Callable[[EngineInstance], None]) -> None:
    record, kept, turn = slot.record, warm.kept, parts.turns.take_behind
    event_n = int(kept.payload["event_n"]) if kept else 0
    await turn()
    port, rules = await warm.place.open(record, warm.program.decision_step_ms, kept.payload if kept else {})
    instrument = counted(rules, kept.payload if kept else {})
    try:
        identity = Identity(
            uid=record.uid,
            name=record.name,
            account=record.account,
            play_digest=record.play_digest,
            instrument=instrument,
            base_step_ms=parts.base_step_ms,
            entry_max_age_ms=parts.entry_max_age_ms,
            rules=rules,
            rests_target=warm.play.risk.tp_order_type == "Limit" and record.mode is not Mode.SHADOW,
            judged_by_candle=record.mode is Mode.PAPER,
        )
        engine, last_open_ms = await _warm_engine(record, parts, warm, instrument), warm.last_open_ms
        around = ShellAround(
            slot=slot,
            clock=parts.world.clock,
            hub=parts.hub_of(record),
            keeper=warm.keeper,
            images=Images(warm.images, record.uid, parts.base_step_ms, last_open_ms),
            report=parts.report,
            refresh=parts.refresh,
            commit=warm.place.ledger.commit,
            decision_budget_s=parts.decision_budget_s,
            turns=parts.turns,
            pen=parts.pen,
            quote_max_age_s=warm.place.quote_max_age_s,
            play_stop=PlayStop(warm.place.halts, record.uid, engine),
            on_computed=partial(parts.on_computed, slot),
            on_first_kept=partial(parts.records.expect_a_state, record.uid),
        )
        anchor_ms = engine.columns.anchor_ms or int(warm.history.open_time_ms[0])
        instance = EngineInstance(
            identity, engine, port, around, anchor_ms=anchor_ms, last_open_ms=last_open_ms, event_n=event_n
        )
        _remember_anchor(slot, parts, anchor_ms)
        on_engine(instance)
        async with anyio.create_task_group() as beside:
            beside.start_soon(around.keep, lambda: instance.at_rest, name=f"{record.name} state")
            try:
                await instance.run(warm.bars, missed_until_ms=int(warm.history.open_time_ms[-1]))
            except anyio.get_cancelled_exc_class():
                # Only a life that was stopped knows its state. After a crash the state before it and the ledger know better.
                await keep_last(instance, around, turn)
                raise
            finally:
                slot.final = Statistics(engine.trade_count, engine.net_pnl_usdt)
    finally:
        port.close()


async def _warm_engine(record: InstanceRecord, parts: LifeParts, warm: _Warm, instrument: Instrument) -> PlayEngine:
    """The engine over all closed candles, as the kept state has it; every step of it in a turn."""
    turn = parts.turns.take_behind
    engine = PlayEngine(warm.program, warm.play, instrument, start_equity_usdt=float(record.capital_usd), keep=KEEP)
    for _ in rehearsal(warm.program, warm.play, instrument, warm.history):
        await turn()
    await turn()
    if warm.image is not None:
        engine.resume(warm.image)
    # The last bar of an image is the first of its history: proof that the venue still has them.
    known_ms = 0 if warm.image is None else warm.image.last_open_ms + 1
    await warm_up(engine, warm.history.between(known_ms, warm.last_open_ms + parts.base_step_ms), turn)
    await turn()
    if warm.kept is not None:
        remembered = warm.kept.payload["engine"]
        engine.restore({**remembered, "state": recounted(warm.kept.payload, instrument, remembered["state"])})
    return engine


class AtRest(Protocol):
    """As `EngineInstance` says it."""

    @property
    def at_rest(self) -> bool:
        """Whether no bar and no fill is half dealt with."""
        ...


class Flushing(Protocol):
    """As `ShellAround` does it."""

    def flush(self) -> bool:
        """Write what waits to be kept; whether that was anything. Raises `RecordError`."""
        ...


async def keep_last(instance: AtRest, around: Flushing, turn: Turn) -> None:
    """Write the last state of a life that is being stopped, in a turn of its own: a hundred may be stopped at once."""
    with anyio.move_on_after(TURN_WITHIN_S, shield=True):
        await turn()
    if instance.at_rest:
        around.flush()


def kept_of(keeper: Keeper, record: InstanceRecord, wall_ms: int) -> Kept | None:
    """The kept state of this very instance. Raises `StateError` when it cannot be used."""
    kept = keeper.load(wall_ms)
    if kept is None:
        return None
    owner, digest = str(kept.payload.get("uid")), str(kept.payload.get("play_digest"))
    if owner != record.uid:
        raise keeper.refuse(f"belongs to instance {owner}, {record.name} is {record.uid}; take it away", wall_ms)
    if digest != record.play_digest:
        raise keeper.refuse(f"was written by another Play ({digest[:16]})", wall_ms)
    return kept


def refuse_ahead(keeper: Keeper, record: InstanceRecord, records: RecordStore, found: Kept | None) -> None:
    """
    Raises `StateError` for a state that knows events which the ledger lost, and that the start could not set aside: what the
    ledger books since has the numbers of those, and would be taken for known.
    """
    if found is None:
        records.trust_state(record.uid)
    elif records.distrusts_state(record.uid):
        raise StateError(
            f"{keeper.path}: knows events that the ledger lost, and could not be set aside in {FOLDER}/: see that it can"
            f" be, then `playctl reset-state {record.name}`"
        )


def lost_of(keeper: Keeper, record: InstanceRecord, records: RecordStore) -> str:
    """
    In words that an instance has worked and its state is gone; empty for a new one, and where a person had it set aside.

    Everything is decided again then, as for a state of another program. Raises `StateError` for a shadow: nothing else knows
    its book.
    """
    if not records.has_worked(record) or records.expects_no_state(record.uid):
        return ""
    text = f"{keeper.path}: found neither it nor {keeper.previous_path.name}, though the ledger knows what {record.name} did"
    if record.mode is Mode.SHADOW:
        raise StateError(f"{text}; its book stood nowhere else: put the file back, or remove {record.name} and add it again")
    return f"{text}; {decided_again(record, records)}"


def decided_again(record: InstanceRecord, records: RecordStore) -> str:
    """In words what is decided again without a state, and what is not: an older program archived first verdicts too."""
    first_ms, entered_ms = records.first_decision_ms(record.uid), records.first_entry_ms(record.uid)
    if first_ms is None:
        book = "its book begins anew" if record.mode is Mode.SHADOW else "what its orders did is told again"
        return f"nothing is decided again, because the ledger has no verdict of it; {book}"
    said = "everything since its first bar is decided again"
    if entered_ms is not None and entered_ms < first_ms:
        said = (
            f"everything since {_utc(first_ms)} is decided again, where its verdicts in the ledger begin; what it decided"
            f" before, from {_utc(entered_ms)} on, is not, and its numbers may differ"
        )
    if record.mode is Mode.SHADOW:
        said = f"{said}, its book by the candles alone: what a person took back there is not taken back again"
    return said


def _of_this_version(slot: Slot, parts: LifeParts, keeper: Keeper, kept: Kept | None) -> Kept | None:
    """
    None for a state that an older program wrote, or a newer one before somebody went back: it is set aside, and everything is
    decided again from the ledger, as for a state that is lost. Raises `StateError` when it cannot be set aside.
    """
    if kept is None or (version := int(kept.payload["engine"].get("version", 0))) == SNAPSHOT_VERSION:
        return kept
    whose = "a newer" if version > SNAPSHOT_VERSION else "an older"
    why = keeper.retire(f"{keeper.path}: written by {whose} program", parts.world.clock.wall_ms())
    parts.report("instance.state_anew", slot, {"msg": f"{why}; {decided_again(slot.record, parts.records)}"})
    return None


def _tell_damage(slot: Slot, parts: LifeParts, place: Place, kept: Kept | None, lost: str) -> None:
    """That a generation was damaged, or that both are `lost`, is on record: log, ledger and journal."""
    if kept is not None:
        parts.records.expect_a_state(slot.record.uid)
    if damage := kept.damage if kept is not None else lost:
        parts.report("instance.state_damaged", slot, {"msg": damage})
        place.incidents.open("STATE_DAMAGED", "warning", instance_scope(slot.record.uid), damage)


def _image_of(slot: Slot, parts: LifeParts, images: ColumnKeeper, kept: Kept | None) -> ColumnImage | None:
    """The image that a life goes on from; None when it must begin at the anchor, which gives the same bits and takes longer."""
    if kept is None:
        return None
    try:
        image = images.load(int(kept.payload["last_open_ms"]))
    except StateError as error:
        parts.report("instance.image_damaged", slot, {"msg": f"columns are made anew from the anchor: {error}"})
        return None
    return image if image is not None and image.anchor_ms == int(kept.payload["anchor_ms"]) else None


@asynccontextmanager
async def _bars_of(hub: MarketHub, slot: Slot, after_ms: int) -> AsyncIterator[Bars]:
    """Closed bars behind the one that opens at `after_ms`: of the only symbol, or of the first with those of the second."""
    symbol, *others = slot.symbols
    if others:
        on_over = partial(_second_is_over, slot, others[0])
        async with paired_bars(hub, symbol, others[0], after_ms=after_ms, on_over=on_over) as pairs:
            yield pairs
    else:
        async with await hub.subscribe(symbol, after_ms=after_ms) as bars:
            yield bars


def _second_is_over(slot: Slot, symbol: str) -> None:
    """The position is managed on: stop, target, trailing, time and whatever rule does not read the second symbol."""
    slot.degrade(
        "reference_ended",
        f"the venue has ended {symbol}: what reads it is unknown, nothing is entered, the position is managed without it",
    )


async def _history_until(hub: MarketHub, symbol: str, first_ms: int, end_ms: int, until_ms: int) -> Candles:
    """
    Closed candles, asked for again while those up to the one that opens at `until_ms` are not all there yet.

    REST shows a candle some time after the stream did; columns that lack one the state knows would be other columns.
    """
    found = await hub.history(symbol, first_ms, end_ms)
    for _ in range(_TRIES):
        if not until_ms or (len(found) and int(found.open_time_ms[-1]) >= until_ms):
            break
        await anyio.sleep(_AGAIN_AFTER_S)
        found = await hub.history(symbol, first_ms, end_ms)
    return found


async def history_of(
    hub: MarketHub, step_ms: int, slot: Slot, program: Program, kept: Kept | None, image: ColumnImage | None
) -> Candles:
    """
    Closed candles to now, from the last of the image or from the anchor on, of all symbols that the instance reads. The anchor
    of a first life lies the Program's warm-up before now.
    """
    record = slot.record
    now_ms = bar_open_ms(await hub.market_now_ms(), step_ms)
    known_ms = image.last_open_ms if image is not None else int(kept.payload["anchor_ms"]) if kept else record.anchor_ms
    first_ms = known_ms or program.anchor_ms(now_ms)
    until_ms = int(kept.payload["last_open_ms"]) if kept else 0
    history = await _history_until(hub, record.symbol, first_ms, now_ms, until_ms)
    if len(history) == 0:
        raise _too_short(record.symbol, (now_ms - first_ms) // step_ms, 0, now_ms, step_ms)
    found_ms = int(history.open_time_ms[0])
    if known_ms and found_ms != first_ms:
        raise HistoryTooShort(
            f"candles of {record.symbol} are needed from {_utc(first_ms)}, the venue's history starts at"
            f" {_utc(found_ms)}; what is before that will not exist: remove {record.name} and add it again"
        )
    if (last_ms := int(history.open_time_ms[-1])) < until_ms:
        raise HistoryTooShort(f"the state knows the candle of {_utc(until_ms)}, the venue's history ends at {_utc(last_ms)}")
    needed, found = program.warmup_ms // step_ms, (now_ms - found_ms) // step_ms
    if not known_ms and found < needed:
        raise _too_short(record.symbol, needed, found, now_ms, step_ms)
    for reference in slot.symbols[1:]:
        other = await _history_until(hub, reference, found_ms, now_ms, until_ms)
        found = (now_ms - int(other.open_time_ms[0])) // step_ms if len(other) else 0
        if (found == 0 and kept is None) or (not known_ms and found < needed):
            raise _too_short(reference, max(needed, 1), found, now_ms, step_ms)
        # What the venue does not know yet of the second symbol comes with the bars, which wait for it.
        other_until_ms = int(other.open_time_ms[-1]) if len(other) else 0
        last_ms = max(min(last_ms, other_until_ms), until_ms)
        history = history.between(found_ms, last_ms + step_ms).beside(other)
    return await hub.said(history, slot.said) if slot.said else history


def _too_short(symbol: str, needed: int, found: int, now_ms: int, step_ms: int) -> HistoryTooShort:
    """A venue that cannot deliver the warm-up, as of a new listing, and when it can: each minute brings one more."""
    when = f"they will exist on {_utc(now_ms + (needed - found) * step_ms)}"
    if not found:
        when = f"the venue has none yet, and {needed * step_ms // 60_000} minutes behind its first they will exist"
    return HistoryTooShort(f"{needed} candles of {symbol} needed, {found} found; {when}")


def _utc(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _last_open_ms(parts: LifeParts, record: InstanceRecord, program: Program, kept: Kept | None, history: Candles) -> int:
    """
    The last bar that needs no decision any more.

    The kept state knows it. Without one it is the newest of the history, unless the ledger has verdicts of this instance: then
    everything since the first of them is decided again, and equal decisions meet their existing orders.
    """
    if kept is not None:
        return int(kept.payload["last_open_ms"])
    first_ms = parts.records.first_decision_ms(record.uid)
    if first_ms is None:
        return int(history.open_time_ms[-1])
    return first_ms - program.decision_step_ms - parts.base_step_ms


def _remember_anchor(slot: Slot, parts: LifeParts, anchor_ms: int) -> None:
    if slot.record.anchor_ms != anchor_ms:
        slot.record = replace(slot.record, anchor_ms=anchor_ms)
        parts.records.put(slot.record)
