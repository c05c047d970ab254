"""Methods that change something. Each leaves its trace in the journal before it is acknowledged."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

import anyio
from pydantic import ValidationError

from playd.control import rows
from playd.control.arming_methods import confirm_live, note_rehearsal
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.look_methods import chosen
from playd.control.panic_rows import panic_rows
from playd.control.params import (
    Add,
    CancelOrder,
    LiftHalt,
    Panic,
    RaiseHalt,
    Reconcile,
    Remove,
    ResetFailed,
    Restart,
    SetEnabled,
    Start,
    Stop,
)
from playd.control.protocol import Code, JsonObject, RpcError
from playd.control.scopes import Scope, parse_scope, scopes_around
from playd.core.modes import Environment, Mode
from playd.orders.account import Account
from playd.orders.halts import ALL, Halt, Level, account_scope
from playd.orders.order_book import FOREIGN
from playd.orders.panic import PanicReport, PanicScope
from playd.settings.limits_model import Risk
from playd.settings.words import nearest_word
from playd.supervisor import shadow_panic
from playd.supervisor.commands import Incomplete
from playd.supervisor.enrol import Wish
from playd.supervisor.errors import CommandRefused, NoSuchInstance, NotRunning
from playd.supervisor.slot import Slot

LEVELS: Final = {"pause": Level.PAUSE, "halt": Level.HALT, "cancel": Level.CANCEL, "freeze": Level.FREEZE}
OPERATOR: Final = "OPERATOR"

CANCEL_WITHIN_S: Final = 10.0
"""How long a cancel waits for the venue's last word before it answers with what is known."""


async def add(daemon: Daemon, params: Add, call: Call) -> JsonObject:
    capital = _capital(params.capital_usd)
    wish = Wish(params.name, params.play, Mode(params.mode), params.account, risk=_own_risk(params.risk), capital_usd=capital)
    return rows.list_row(daemon.commands.add(wish))


def _capital(given: str | None) -> str:
    """What an instance begins with, empty for the Play's own. Raises `RpcError`."""
    if given is None:
        return ""
    try:
        capital = Decimal(given)
    except InvalidOperation:
        capital = Decimal("NaN")
    if not capital.is_finite() or capital <= 0:
        raise RpcError(Code.INVALID_PARAMS, f"capital_usd: found {given!r}, expected more than 0 USD")
    return format(capital, "f")


def _own_risk(given: dict[str, Any]) -> str:
    """Keys of `[risk]` for one instance, as its record keeps them. Raises `RpcError` naming each wrong key."""
    unknown = [f"unknown key {name}{nearest_word(name, Risk.model_fields)}" for name in given if name not in Risk.model_fields]
    if unknown:
        raise RpcError(Code.INVALID_PARAMS, f"risk: {'; '.join(unknown)}")
    try:
        return Risk.model_validate(given).model_dump_json(exclude_unset=True)
    except ValidationError as error:
        wrong = [f"{fault['loc'][0]}: found {fault['input']}, {fault['msg']}" for fault in error.errors(include_url=False)]
        raise RpcError(Code.INVALID_PARAMS, f"risk: {'; '.join(wrong)}") from None


async def remove(daemon: Daemon, params: Remove, call: Call) -> JsonObject:
    record = await daemon.commands.remove(params.name)
    return {"name": record.name, "uid": record.uid}


async def set_enabled(daemon: Daemon, params: SetEnabled, call: Call) -> JsonObject:
    return rows.list_row(daemon.commands.set_enabled(params.name, params.enabled))


async def start(daemon: Daemon, params: Start, call: Call) -> JsonObject:
    found = daemon.supervisor.find(params.name)
    if found.record.mode is Mode.LIVE:
        await confirm_live(daemon, found, params.confirm, call)
    slot = await daemon.commands.start(params.name, f"start by {call.actor}")
    return lifecycle_row(daemon, slot)


async def restart(daemon: Daemon, params: Restart, call: Call) -> JsonObject:
    slot = await daemon.commands.restart(params.name, call.actor)
    return lifecycle_row(daemon, slot)


async def stop(daemon: Daemon, params: Stop, call: Call) -> JsonObject:
    """Per instance what became of it; one refusal of a single target is the call's refusal."""
    slots = chosen(daemon, params.target)
    if params.target != "all" and len(slots) == 1:
        return {"stopped": [await _stop_one(daemon, slots[0], params.variant, call)], "failed": []}
    stopped: dict[str, JsonObject] = {}
    failed: dict[str, JsonObject] = {}
    # Whoever is managed until it is flat waits for its market: the last of many is told at once, not behind the others' waits.
    at_once = anyio.CapacityLimiter(max(1, len(slots)) if params.variant == "manage" else 1)

    async def stop_one(slot: Slot) -> None:
        async with at_once:
            if not slot.active:
                return
            try:
                stopped[slot.name] = await _stop_one(daemon, slot, params.variant, call)
            except (CommandRefused, NotRunning, Incomplete) as error:
                failed[slot.name] = {"name": slot.name, "error": as_rpc(daemon, error).as_json()}

    async with anyio.create_task_group() as group:
        for slot in slots:
            group.start_soon(stop_one, slot)
    names = [slot.name for slot in slots]
    return {
        "stopped": [stopped[name] for name in names if name in stopped],
        "failed": [failed[name] for name in names if name in failed],
    }


async def _stop_one(daemon: Daemon, slot: Slot, variant: str | None, call: Call) -> JsonObject:
    """The row of a stopped instance, with the statistics of the life that ended."""
    before = lifecycle_row(daemon, slot)
    await daemon.commands.stop(slot.name, variant, call.actor)
    return {**lifecycle_row(daemon, slot), "statistics": before["statistics"]}


async def reset_failed(daemon: Daemon, params: ResetFailed, call: Call) -> JsonObject:
    return lifecycle_row(daemon, daemon.commands.reset_failed(params.name, call.actor))


async def raise_halt(daemon: Daemon, params: RaiseHalt, call: Call) -> JsonObject:
    scope = parse_scope(params.scope, daemon.supervisor.slots, [account.alias for account in rows.all_accounts(daemon)])
    level = LEVELS[params.level]
    if level is Level.FREEZE and params.confirm != (phrase := f"FREEZE {scope.text}"):
        raise _phrase_needed(daemon, phrase, scope, "a frozen scope sends nothing, exits included")
    halt = daemon.halts.raise_level(scope.stored, level, OPERATOR, params.reason or params.level, actor=call.actor)
    if level is not Level.FREEZE:
        for account, share in scopes_around(daemon.accounts, scope):
            await account.cancel_entries(instance_uid=share.instance_uid, symbol=share.symbol)
    daemon.supervisor.look_around()
    await daemon.journal.synced()
    return rows.halt_row(daemon, halt)


async def lift_halt(daemon: Daemon, params: LiftHalt, call: Call) -> JsonObject:
    """Lift one scope. From level 2 up: with a reason, the phrase, and books that agree twice; after a panic a flat scope."""
    scope = parse_scope(params.scope, daemon.supervisor.slots, [account.alias for account in rows.all_accounts(daemon)])
    held = daemon.halts.in_force(scope.stored)
    if not held:
        raise RpcError(Code.NOT_RUNNING, f"no halt is in force on {scope.text}", reason="not_halted")
    level = held[0].level
    phrase = f"RESUME {scope.text}"
    if level >= Level.HALT and not params.reason.strip():
        text = f"level {int(level)} on {scope.text} is lifted with a reason, which stays on record"
        raise RpcError(Code.REFUSED, text, reason="no_reason", hint=f'playctl resume {scope.text} --reason "what was found"')
    if level >= Level.HALT and params.confirm != phrase:
        raise _phrase_needed(daemon, phrase, scope, f"level {int(level)} is lifted: new risk may be taken")
    if level is Level.PANIC:
        _refuse_unless_flat(daemon, scope)
    if scope.stored == ALL and (files := daemon.halts.kill_files_there):
        text = f"the kill file is present, or its directory cannot be read: {', '.join(map(str, files))}"
        raise RpcError(Code.REFUSED, text, reason="kill_file", hint="remove it, then resume all")
    if level >= Level.HALT:
        await _refuse_unless_resolved(daemon, scope, [halt for halt in held if halt.level >= Level.HALT])
    # The reconciliations of a refusal lift pauses whose cause is gone by themselves.
    for halt in [each for each in held if each in daemon.halts.in_force(scope.stored)]:
        daemon.halts.lift(halt.id, by=call.actor, note=params.reason or "resume")
    daemon.supervisor.look_around()
    await daemon.journal.synced()
    remaining = daemon.halts.in_force(*scope.wider)
    return {
        "scope": scope.text,
        "lifted_level": int(level),
        "still_in_force": [rows.halt_row(daemon, halt) for halt in remaining],
    }


async def panic(daemon: Daemon, params: Panic, call: Call) -> JsonObject:
    """Cancel entries, flatten reduce-only, verify flat at the venue; the report per position, or error -32010."""
    accounts = [account.alias for account in rows.all_accounts(daemon)]
    scope = parse_scope(params.scope, daemon.supervisor.slots, accounts)
    if scope.kind != "instance" and params.confirm != (phrase := f"PANIC {scope.text}"):
        raise _phrase_needed(daemon, phrase, scope, "every position of the scope is closed at market")
    if scope.kind == "all":
        daemon.halts.raise_level(scope.stored, Level.PANIC, "PANIC", params.reason or "panic", actor=call.actor)
    daemon.supervisor.look_around()
    reports: list[tuple[str, PanicReport]] = []

    async def flatten(account: Account, share: PanicScope) -> None:
        await call.step({"text": f"{account.alias}: cancelling entries, closing positions"})
        report = await account.panic(share, actor=call.actor, reason=params.reason or "panic")
        word = "flat, verified twice" if report.exit_code == 0 else "NOT FLAT"
        await call.step({"text": f"{account.alias}: {word} after {report.duration_s:.1f} s"})
        reports.append((account.alias, report))
        if not share.instance_uid and not share.symbol:
            note_rehearsal(daemon, account.alias, report)

    for slot in _shadows(daemon, scope):
        if scope.kind == "instance":
            daemon.halts.raise_level(scope.stored, Level.PANIC, "PANIC", params.reason or "panic", actor=call.actor)
        reports.append((slot.record.account, shadow_panic.flatten(slot)))
        await call.step({"text": f"{slot.name}: closed in its book; a shadow has nothing at a venue"})
    async with anyio.create_task_group() as group:
        for account, share in scopes_around(daemon.accounts, scope):
            group.start_soon(flatten, account, share)
    reports.sort(key=lambda item: item[0])
    if scope.kind == "all":
        _fold_into_all(daemon, [alias for alias, _ in reports], call.actor)
    daemon.supervisor.look_around()
    await daemon.journal.synced()
    unread = _unreachable(daemon, scope)
    data = panic_rows(scope.text, reports, unread)
    if unread or any(report.exit_code for _, report in reports):
        raise RpcError(Code.INCOMPLETE, data["text"], reason="position_may_remain", scope=scope.text, details=data)
    return data


def _shadows(daemon: Daemon, scope: Scope) -> list[Slot]:
    """The shadows that a panic closes: the one that was named, or all that run. Raises `NotRunning` for the former."""
    named = [slot for slot in daemon.supervisor.slots.values() if slot.record.mode is Mode.SHADOW and scope.covers(slot.record)]
    if scope.kind == "instance" and any(slot.engine is None for slot in named):
        shadow_panic.flatten(named[0])
    return [slot for slot in named if slot.engine is not None]


def _fold_into_all(daemon: Daemon, aliases: list[str], actor: str) -> None:
    """A panic of all is one halt on `all`: those of the single accounts would only have to be lifted one by one."""
    for alias in aliases:
        for halt in daemon.halts.in_force(account_scope(alias)):
            if halt.code == "PANIC" and halt.actor == actor:
                daemon.halts.lift(halt.id, by=actor, note="the panic of all holds it")


def _unreachable(daemon: Daemon, scope: Scope) -> list[str]:
    """Accounts of the scope that are not open, so that nobody can say whether they are flat."""
    covered = [slot.record for slot in daemon.supervisor.slots.values() if scope.covers(slot.record)]
    wanted = {record.account for record in covered if record.mode is not Mode.SHADOW}
    unopened = sorted(alias for alias in wanted if daemon.accounts.find(alias) is None)
    return [
        alias
        for alias in unopened
        if any(
            daemon.supervisor.booked_qty(slot.record)
            for slot in daemon.supervisor.slots.values()
            if slot.record.account == alias
        )
    ]


async def cancel_order(daemon: Daemon, params: CancelOrder, call: Call) -> JsonObject:
    """Take one working order back. A stop is never taken from its position by this: close the position instead."""
    found = [(account, row) for account in rows.all_accounts(daemon) for row in account.views.orders()]
    match = [(account, row) for account, row in found if params.id in (row.link_id, row.venue_order_id)]
    if not match:
        raise RpcError(Code.NOT_FOUND, f"no working order {params.id!r}", hint="playctl orders")
    account, row = match[0]
    if row.protective:
        text = f"{params.id} is the stop of a position on {row.symbol}"
        raise RpcError(Code.REFUSED, text, reason="protective", hint=f"playctl panic symbol:{account.alias}/{row.symbol}")
    phrase = f"CLOSE {params.id}"
    careful = account.environment is Environment.LIVE or row.owner == FOREIGN
    if careful and params.confirm != phrase:
        whose = "nobody here sent it" if row.owner == FOREIGN else "it is real money"
        preview = [f"{row.side} {row.qty} {row.symbol} at {row.price or 'market'}, {row.state}: {whose}"]
        details = {"phrase": phrase, "preview": preview}
        raise RpcError(Code.PHRASE_REQUIRED, f"this needs the phrase {phrase!r}", details=details)
    after = await account.cancel_order(row, CANCEL_WITHIN_S)
    if not after.state.terminal:
        text = f"{params.id} is {after.state} after {CANCEL_WITHIN_S:g} s; it is asked for again until it is final"
        call.warnings.append(("not_final", text))
    return rows.order_row(daemon, account.alias, after)


async def reconcile(daemon: Daemon, params: Reconcile, call: Call) -> JsonObject:
    accounts = [account for account in rows.all_accounts(daemon) if params.account in (None, account.alias)]
    if not accounts and params.account is not None:
        raise RpcError(Code.NOT_FOUND, f"no open account {params.account!r}")
    for account in accounts:
        if (banned_s := account.desk.budget.banned_for_s) > 0:
            text = f"account {account.alias}: the venue has banned our address for {banned_s:.0f} s more"
            raise RpcError(Code.REFUSED, text, reason="banned", hint="it is reconciled by itself afterwards")
    differences: list[JsonObject] = []
    results: list[str] = []
    for account in accounts:
        report = await account.reconcile(f"command by {call.actor}", dry_run=params.dry_run)
        results.append(report.result)
        plans = {repair.key: f"{repair.kind}: {repair.note}" for repair in report.repairs}
        differences += [
            {
                "account": account.alias,
                "class": str(each.cls),
                "symbol": each.symbol,
                "ours": each.ours,
                "theirs": each.theirs,
                "value": None,
                "plan": plans.get(each.key, "none"),
            }
            for each in report.differences
        ]
    result = "blind" if "blind" in results else "diff" if differences else "match"
    return {"result": result, "differences": differences, "accounts": [account.alias for account in accounts]}


def lifecycle_row(daemon: Daemon, slot: Slot) -> JsonObject:
    """What start and stop answer: where the instance stands and what is at the venue."""
    account, held = rows.held_of(daemon, slot)
    engine = slot.engine.engine if slot.engine is not None else None
    count, net_usdt = (engine.trade_count, engine.net_pnl_usdt) if engine is not None else (0, 0.0)
    return {
        "name": slot.name,
        "state": str(slot.state),
        "capital_step": slot.record.capital_step,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in slot.reasons],
        "position": rows.position_figure(daemon, slot, held),
        "stop_at_venue": rows.stop_figure(slot, account, held),
        "statistics": {"trades": count, "net_pnl_usdt": repr(net_usdt)},
    }


def as_rpc(daemon: Daemon, error: Exception) -> RpcError:
    """The answer for an error of the supervisor."""
    if isinstance(error, CommandRefused):
        code = Code.INVALID if error.code == "PLAY_INVALID" else Code.REFUSED
        return RpcError(code, str(error), reason=error.code, hint=error.hint)
    if isinstance(error, NoSuchInstance):
        return RpcError(Code.NOT_FOUND, str(error))
    if isinstance(error, NotRunning):
        return RpcError(Code.NOT_RUNNING, str(error))
    if isinstance(error, Incomplete):
        data = panic_rows("", [("", error.report)], [])
        return RpcError(Code.INCOMPLETE, str(error), reason="position_may_remain", details=data)
    raise error


def _phrase_needed(daemon: Daemon, phrase: str, scope: Scope, effect: str) -> RpcError:
    held = [
        f"{slot.name} holds {daemon.supervisor.booked_qty(slot.record)} of {slot.record.symbol}"
        for slot in daemon.supervisor.slots.values()
        if scope.covers(slot.record) and daemon.supervisor.booked_qty(slot.record)
    ]
    preview = [f"{scope.text}: {effect}", *(held or ["no position is booked in it"])]
    return RpcError(
        Code.PHRASE_REQUIRED,
        f"this needs the phrase {phrase!r}",
        scope=scope.text,
        hint=f"type it when asked, or pass --confirm {phrase!r}",
        details={"phrase": phrase, "preview": preview},
    )


async def _refuse_unless_resolved(daemon: Daemon, scope: Scope, halts: list[Halt]) -> None:
    """What raised the halts is gone, and ledger and venue agree, on every account that the scope reaches."""
    symbols = {slot.record.symbol for slot in daemon.supervisor.slots.values() if scope.covers(slot.record)}
    for account, share in scopes_around(daemon.accounts, scope):
        symbol = next(iter(symbols), "") if share.instance_uid else share.symbol
        if text := await account.resuming.refusal(halts, symbol):
            raise RpcError(Code.REFUSED, f"{scope.text} cannot be resumed: {text}", reason="not_resolved")


def _refuse_unless_flat(daemon: Daemon, scope: Scope) -> None:
    """A panic ends only when its scope is flat by our books and by the venue's last word."""
    held = [
        slot.name
        for slot in daemon.supervisor.slots.values()
        if scope.covers(slot.record) and daemon.supervisor.booked_qty(slot.record)
    ]
    for account, share in scopes_around(daemon.accounts, scope):
        in_scope = (view for view in account.views.positions() if share.symbol in ("", view.symbol))
        held += [view.symbol for view in in_scope if share.instance_uid in ("", view.owner) and view.venue_qty]
    if held:
        text = f"{scope.text} is not flat: {', '.join(sorted(set(held)))}"
        raise RpcError(Code.REFUSED, text, reason="not_flat", hint=f"playctl panic {scope.text}")
