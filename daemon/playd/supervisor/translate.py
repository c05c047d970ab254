"""Between the engine's integers and the order path's decimals. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.canonical import digest
from playd.core.errors import Broken
from playd.core.instrument import Instrument
from playd.core.orders import Action, Intent, IntentClass
from playd.core.units import text_to_units
from playd.engine.messages import Decision, EngineFill, EngineOrder, EnginePosition
from playd.matching.records import REASON_CODE
from playd.orders.fills import FillEvent


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an instance is, as far as its orders must say."""

    uid: str
    name: str
    account: str
    play_digest: str
    instrument: Instrument
    base_step_ms: int
    entry_max_age_ms: int

    @property
    def symbol(self) -> str:
        return self.instrument.symbol


def intent_of(identity: Identity, decision: Decision, order: EngineOrder) -> Intent:
    """The intent of one order of a decision. The bar's close is its cause, so that the same decision has the same link id."""
    tick, step = identity.instrument.tick, identity.instrument.step
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
        qty=order.qty_steps * step,
        price_ref=Decimal(repr(order.price_ref)),
        bar_close_ms=decision.close_ms,
        expires_ms=decision.close_ms + identity.entry_max_age_ms if intent_class is IntentClass.ENTRY else 0,
        reason=order.reason,
        stop=None if order.stop_ticks is None else order.stop_ticks * tick,
        target=None if order.target_ticks is None else order.target_ticks * tick,
        play_digest=identity.play_digest,
        inputs_digest=digest({name: value.hex() for name, value in decision.signals.items()}),
        metadata=order.metadata,
        order_type="Market" if order.limit_ticks is None else "Limit",
        price=None if order.limit_ticks is None else order.limit_ticks * tick,
        time_in_force=order.time_in_force,
    )


def intent_of_fill(identity: Identity, event: FillEvent, order: EngineOrder) -> Intent:
    """The intent of an order that a fill asks for. The execution is its cause: the same fill asks for the same, once."""
    tick, step = identity.instrument.tick, identity.instrument.step
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
        qty=order.qty_steps * step,
        price_ref=Decimal(repr(order.price_ref)),
        bar_close_ms=0,
        expires_ms=0,
        reason=order.reason,
        stop=None if order.stop_ticks is None else order.stop_ticks * tick,
        target=None if order.target_ticks is None else order.target_ticks * tick,
        play_digest=identity.play_digest,
    )


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


MANUAL: Final = "manual"
"""Reason of a closing fill that no rule of the Play asked for: panic, flatten, a hand at the venue."""


def fill_of(identity: Identity, event: FillEvent) -> EngineFill:
    """An execution in ticks and steps. Raises `Broken` for a price or quantity off the instrument's grid."""
    execution, instrument = event.execution, identity.instrument
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
        fee_usdt=float(execution.fee),
        time_ms=execution.time_ms,
        reason=event.reason if REASON_CODE.get(event.reason, 0) else MANUAL,
        is_maker=execution.is_maker,
    )
