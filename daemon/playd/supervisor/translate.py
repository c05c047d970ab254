"""Between the engine's integers and the order path's decimals. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.canonical import digest
from playd.core.errors import Broken
from playd.core.instrument import Instrument
from playd.core.orders import Action, Intent, IntentClass, Side
from playd.core.units import text_to_units
from playd.engine.messages import Decision, EngineFill, EngineOrder, EnginePosition
from playd.matching.records import REASON_CODE, REASONS, TP
from playd.orders.fills import FillEvent
from playd.orders.rows import plain
from playd.plays.columns import Columns


@dataclass(frozen=True, slots=True)
class Identity:
    """
    Who an instance is, as far as its orders must say.

    `rests_target`: the target of a position is a limit order of its own and no level attached to it. `judged_by_candle`: the
    venue decides by whole candles what becomes of a position, as a backtest does.
    """

    uid: str
    name: str
    account: str
    play_digest: str
    instrument: Instrument
    base_step_ms: int
    entry_max_age_ms: int
    rules: Instrument | None = None
    """What the venue asks of orders, where the instance counts in finer units."""
    rests_target: bool = False
    judged_by_candle: bool = False

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def asked(self) -> Instrument:
        """The rules that orders obey: prices are multiples of this tick; quantities are cut to the step by the gates."""
        return self.rules or self.instrument


def intent_of(identity: Identity, decision: Decision, order: EngineOrder) -> Intent:
    """The intent of one order of a decision. The bar's close is its cause, so that the same decision has the same link id."""
    stop, target, price = _levels_of(identity, order)
    intent_class = _CLASS[order.action]
    return Intent(
        instance_uid=identity.uid,
        instance=identity.name,
        account=identity.account,
        symbol=identity.symbol,
        cause=str(decision.close_ms),
        action=order.action,
        leg=0,
        intent_class=intent_class,
        side=order.side,
        qty=order.qty_steps * identity.instrument.step,
        price_ref=Decimal(repr(order.price_ref)),
        bar_close_ms=decision.close_ms,
        expires_ms=decision.close_ms + identity.entry_max_age_ms if intent_class is IntentClass.ENTRY else 0,
        reason=order.reason,
        stop=stop,
        target=target,
        play_digest=identity.play_digest,
        inputs_digest=digest({name: value.hex() for name, value in decision.signals.items()}),
        metadata=order.metadata,
        order_type="Market" if order.limit_ticks is None else "Limit",
        price=price,
        time_in_force=order.time_in_force,
    )


def bar_digest(columns: Columns) -> str:
    """
    Digest of the closed bar that was decided, as it stood in the columns: whoever rolls recorded candles up to the same clock
    gets the same, bit for bit, or was told of another bar.
    """
    opened_ms, prices = columns.newest_bar()
    return digest([opened_ms, *(price.hex() for price in prices)])


def intent_of_fill(identity: Identity, event: FillEvent, order: EngineOrder) -> Intent:
    """The intent of an order that a fill asks for. The execution is its cause: the same fill asks for the same, once."""
    stop, target, _ = _levels_of(identity, order)
    return Intent(
        instance_uid=identity.uid,
        instance=identity.name,
        account=identity.account,
        symbol=identity.symbol,
        cause=f"fill:{event.execution.exec_id}",
        action=order.action,
        leg=0,
        intent_class=_CLASS[order.action],
        side=order.side,
        qty=order.qty_steps * identity.instrument.step,
        price_ref=Decimal(repr(order.price_ref)),
        bar_close_ms=0,
        expires_ms=0,
        reason=order.reason,
        stop=stop,
        target=target,
        play_digest=identity.play_digest,
    )


def intent_of_target(identity: Identity, position: EnginePosition) -> Intent:
    """
    The intent to let the target of a position rest as a limit order. The position is its cause, by what is asked for it and not
    by the units that a life counts in: asked for again, of the same one, it is the same. Raises `Broken` for a position without
    a target.
    """
    target = _price_of(identity, position.target_ticks, up=position.side is Side.SELL)
    if target is None:
        raise Broken(f"the position of {identity.name} has no target")
    qty, target = Decimal(plain(position.qty_steps * identity.instrument.step)), Decimal(plain(target))
    return Intent(
        instance_uid=identity.uid,
        instance=identity.name,
        account=identity.account,
        symbol=identity.symbol,
        cause=f"target:{position.entry_time_ms}:{qty}:{target}",
        action=Action.TARGET,
        leg=0,
        intent_class=IntentClass.EXIT,
        side=position.side.opposite,
        qty=qty,
        price_ref=Decimal(repr(position.entry_price)),
        bar_close_ms=0,
        expires_ms=0,
        reason=REASONS[TP],
        target=target,
        play_digest=identity.play_digest,
        order_type="Limit",
        price=target,
        time_in_force="GTC",
    )


def _levels_of(identity: Identity, order: EngineOrder) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """
    Stop, target and limit price on the tick that is asked: levels nearer to the position, a limit away from the market. A
    target that rests goes along with no order.
    """
    buys = order.side is Side.BUY
    is_long = buys is (order.action in _ENTRIES)
    return (
        _price_of(identity, order.stop_ticks, up=is_long),
        None if identity.rests_target else _price_of(identity, order.target_ticks, up=not is_long),
        _price_of(identity, order.limit_ticks, up=not buys),
    )


def _price_of(identity: Identity, ticks: int | None, *, up: bool) -> Decimal | None:
    if ticks is None:
        return None
    price, tick = ticks * identity.instrument.tick, identity.asked.tick
    beyond = price % tick
    return price + tick - beyond if beyond and up else price - beyond


_ENTRIES: Final = (Action.ENTER, Action.ADD)
_CLASS: Final = {
    Action.ENTER: IntentClass.ENTRY,
    Action.EXIT: IntentClass.EXIT,
    Action.REDUCE: IntentClass.EXIT,
    Action.STOP: IntentClass.PROTECT,
    Action.CANCEL: IntentClass.CANCEL,
}


ADOPTED: Final = "adopted"
"""Reason of the one fill by which a position that nobody here opened becomes the instance's."""


def adopted_of(identity: Identity, event: FillEvent) -> EnginePosition:
    """
    A position that the instance takes over. Its price is an average and may lie between two ticks; its levels never do.

    Raises `Broken` for a quantity or level off the instrument's grid.
    """
    execution, tick = event.execution, identity.instrument.tick
    try:
        return EnginePosition(
            side=execution.side,
            qty_steps=text_to_units(format(execution.qty, "f"), identity.instrument.step),
            entry_price=float(execution.price),
            stop_ticks=None if event.stop is None else text_to_units(format(event.stop, "f"), tick),
            target_ticks=None if event.target is None else text_to_units(format(event.target, "f"), tick),
            entry_time_ms=execution.time_ms,
        )
    except ValueError as error:
        raise Broken(f"adoption {event.link_id}: {error}") from error


CATCH_UP: Final = "catch_up: "
"""Before the rule, in the reason of an exit that a missed bar decided. An engine hears of the rule alone."""

MANUAL: Final = "manual"
"""Reason of a closing fill that no rule of the Play asked for: panic, flatten, a hand at the venue."""


def fill_of(identity: Identity, event: FillEvent) -> EngineFill:
    """An execution in ticks and steps. Raises `Broken` for a price or quantity off the instrument's grid."""
    execution, instrument = event.execution, identity.instrument
    rule = event.reason.removeprefix(CATCH_UP)
    try:
        qty_steps = text_to_units(format(execution.qty, "f"), instrument.step)
        price_ticks = text_to_units(format(execution.price, "f"), instrument.tick)
    except ValueError as error:
        raise Broken(f"execution {execution.exec_id}: {error}") from error
    return EngineFill(
        action=event.action,
        side=execution.side,
        qty_steps=qty_steps,
        price_ticks=price_ticks,
        fee_usdt=float(execution.fee_usdt),
        time_ms=execution.time_ms,
        reason=rule if REASON_CODE.get(rule, 0) else MANUAL,
        is_maker=execution.is_maker,
    )
