"""
Methods that refuse risk and allow it again: pause, halt, freeze, panic, resume.

A level is on record before anything else is done about it, also over an account that is not open (yet): what cannot be carried
out now is carried out when it opens.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

import anyio

from playd.control import rows
from playd.control.arming_methods import note_rehearsal
from playd.control.change_answers import PanicReport as PanicAnswer
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.known_symbols import UNSURE
from playd.control.look_answers import HaltRow, Lifted
from playd.control.panic_rows import not_flat, panic_rows, worded
from playd.control.params import LiftHalt, Panic, RaiseHalt
from playd.control.protocol import Code, RpcError
from playd.control.scopes import Scope, parse_scope, refuse_unknown, scopes_around
from playd.core.errors import LinkError, VenueError
from playd.core.modes import Environment, Mode
from playd.core.orders import Side
from playd.ops.free_space import CODE as DISK
from playd.orders.account import Account
from playd.orders.halts import ALL, Halt, Level, account_scope
from playd.orders.panic import PanicReport, PanicScope
from playd.orders.views import PositionView
from playd.supervisor import shadow_panic
from playd.supervisor.slot import Slot
from playd.supervisor.states import State
from playd.venues.port import Priority

LEVELS: Final = {"pause": Level.PAUSE, "halt": Level.HALT, "cancel": Level.CANCEL, "freeze": Level.FREEZE}
OPERATOR: Final = "OPERATOR"
ENTRIES_WITHIN_S: Final = 2.0
"""Whoever halts is answered by then, whatever a ban or a silent venue holds up: accounts go on taking entries back."""


SIDES_WITHIN_S: Final = 2.0
"""So long who is asked for the phrase of a panic waits for what only the venue can say."""


async def raise_halt(daemon: Daemon, params: RaiseHalt, call: Call) -> HaltRow:
    """Refuse risk, on record when this returns. Real money asks for a reason, which whoever lifts it will need."""
    scope = parse_scope(params.scope, daemon.supervisor.slots, _aliases(daemon))
    await refuse_unknown(daemon, scope)
    level = LEVELS[params.level]
    if not params.reason.strip() and _is_real_money(daemon, scope):
        again = f"playctl pause {scope.text}" if level is Level.PAUSE else f"playctl halt {scope.text} --level {params.level}"
        text = f"{scope.text} has real money in it: a level there is raised with a reason, which stays on record"
        raise RpcError(Code.REFUSED, text, reason="no_reason", hint=f'{again} --reason "what you saw"; `panic` needs none')
    if level is Level.FREEZE and params.confirm != (phrase := f"FREEZE {scope.text}"):
        raise _phrase_needed(daemon, phrase, scope, "a frozen scope sends nothing, exits included")
    halt = daemon.halts.raise_level(scope.stored, level, OPERATOR, params.reason or params.level, actor=call.actor)
    daemon.supervisor.look_around()
    if level is not Level.FREEZE:
        with anyio.move_on_after(ENTRIES_WITHIN_S):
            async with anyio.create_task_group() as group:
                for account, share in scopes_around(daemon.accounts, scope):
                    group.start_soon(_take_entries_back, account, share)
    await daemon.journal.synced()
    return rows.halt_row(daemon, halt)


async def _take_entries_back(account: Account, share: PanicScope) -> None:
    """What the venue does not take now is asked for again by the account, for as long as the level stands."""
    with suppress(VenueError, LinkError):
        await account.cancel_entries(instance_uid=share.instance_uid, symbol=share.symbol)


async def lift_halt(daemon: Daemon, params: LiftHalt, call: Call) -> Lifted:
    """Lift one scope. From level 2 up: with a reason, the phrase, and books that agree twice; after a panic a flat scope."""
    scope = parse_scope(params.scope, daemon.supervisor.slots, _aliases(daemon))
    held = daemon.halts.in_force(scope.stored)
    if not held:
        await refuse_unknown(daemon, scope)
        raise RpcError(Code.NOT_RUNNING, f"no halt is in force on {scope.text}", reason="not_halted")
    level = (daemon.halts.highest(scope.stored) or held[0]).level
    phrase = f"RESUME {scope.text}"
    if level >= Level.HALT and not params.reason.strip():
        text = f"level {int(level)} on {scope.text} is lifted with a reason, which stays on record"
        raise RpcError(Code.REFUSED, text, reason="no_reason", hint=f'playctl resume {scope.text} --reason "what was found"')
    if level >= Level.HALT and params.confirm != phrase:
        raise _phrase_needed(daemon, phrase, scope, f"level {int(level)} is lifted: new risk may be taken")
    if any(halt.level is Level.PANIC for halt in held):  # a freeze behind a panic has stopped it, and ended nothing
        _refuse_unless_flat(daemon, scope)
    if scope.stored == ALL and (files := daemon.halts.kill_files_there):
        text = f"the kill file is present, or its directory cannot be read: {', '.join(map(str, files))}"
        raise RpcError(Code.REFUSED, text, reason="kill_file", hint="remove it, then resume all")
    if level >= Level.HALT:
        await _refuse_unless_resolved(daemon, scope, [halt for halt in held if halt.level >= Level.HALT])
        if any(halt.level is Level.PANIC for halt in held):
            _refuse_unless_flat(daemon, scope)  # somebody may have asked for the panic once more meanwhile
    stays = _kept_by_space(daemon, scope, held)
    panicked = [slot for slot in daemon.supervisor.slots.values() if slot.state is State.PANICKED]
    # The reconciliations of a refusal lift pauses whose cause is gone by themselves.
    for halt in [each for each in held if each in daemon.halts.in_force(scope.stored) and each not in stays]:
        daemon.halts.lift(halt.id, by=call.actor, note=params.reason or "resume")
    daemon.supervisor.look_around()
    await daemon.journal.synced()
    remaining = [halt for halt in daemon.halts.in_force() if _is_about(daemon, halt, scope)]
    return {
        "scope": scope.text,
        "lifted_level": int(level),
        "still_in_force": [rows.halt_row(daemon, halt) for halt in remaining],
        "stay_stopped": sorted(slot.name for slot in panicked if slot.state is State.STOPPED),
    }


def _is_about(daemon: Daemon, halt: Halt, scope: Scope) -> bool:
    """Whether a halt holds something of a scope: all of it, or a part that lies in it."""
    kind, _, target = halt.scope.partition(":")
    if halt.scope in scope.wider or scope.kind == "all":
        return True
    if kind == "instance":
        return any(slot.record.uid == target and scope.covers(slot.record) for slot in daemon.supervisor.slots.values())
    return kind == "symbol" and scope.kind == "account" and target.partition("/")[0] == scope.target


async def panic(daemon: Daemon, params: Panic, call: Call) -> PanicAnswer:
    """Cancel entries, flatten reduce-only, verify flat at the venue; the report per position, or error -32010."""
    scope = parse_scope(params.scope, daemon.supervisor.slots, _aliases(daemon))
    known = await refuse_unknown(daemon, scope)
    if scope.kind != "instance" and params.confirm != (phrase := f"PANIC {scope.text}"):
        effect, sides = "every position of the scope is closed at market", await _sides_in(daemon, scope)
        raise _phrase_needed(daemon, phrase, scope, effect, sides)
    shadows = _shadows(daemon, scope)
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

    for slot in shadows:
        reports.append((slot.record.account, shadow_panic.flatten(slot)))
        await call.step({"text": f"{slot.name}: closed in its book; a shadow has nothing at a venue"})
    around = [*scopes_around(daemon.accounts, scope, opening=True)]
    async with anyio.create_task_group() as group:
        for account, share in around:
            group.start_soon(flatten, account, share)
    reports.sort(key=lambda item: item[0])
    if scope.kind == "all":
        _fold_into_all(daemon, [alias for alias, _ in reports], call.actor)
    daemon.supervisor.look_around()
    await daemon.journal.synced()
    asked = {account.alias for account, _ in around}
    unread = [alias for alias in _unread(daemon, scope) if alias not in asked]
    by = "at the venue" if asked else "in its book" if shadows else ""
    data = panic_rows(scope.text, reports, unread, verified=by)
    if not known and data["flat"] and not data["positions"]:
        data = not_flat(data, UNSURE)
    if unread or not data["flat"] or any(report.exit_code for _, report in reports):
        raise _incomplete(scope, data, unread)
    return data


def _unread(daemon: Daemon, scope: Scope) -> list[str]:
    """Accounts that are not open and of which a panic says so: of those that it names, whatever the ledger says of them."""
    if scope.kind in ("account", "symbol"):
        return [alias for alias in _reached(daemon, scope) if daemon.accounts.find(alias) is None]
    return _unreachable(daemon, scope)


def _incomplete(scope: Scope, data: PanicAnswer, unread: list[str]) -> RpcError:
    """The answer where a position may remain. The level stays: an account that opens goes on with it by itself."""
    hint = "it is driven on by itself; `playctl status` and `playctl positions` say what is left"
    if unread:
        hint += (
            f"; an account that does not open: `playctl panic {scope.text} --direct` asks the guardian, and "
            "`playd emergency-flatten` needs only its key"
        )
    return RpcError(Code.INCOMPLETE, data["text"], reason="position_may_remain", hint=hint, scope=scope.text, details=data)


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
    return [alias for alias in _reached(daemon, scope) if daemon.accounts.find(alias) is None and _may_hold(daemon, alias)]


def _reached(daemon: Daemon, scope: Scope) -> list[str]:
    """The accounts at a venue that a scope reaches, open or not."""
    records = [slot.record for slot in daemon.supervisor.slots.values()]
    found = {record.account for record in records if scope.covers(record) and record.mode is not Mode.SHADOW}
    if scope.kind in ("account", "symbol"):
        found.add(scope.target.partition("/")[0])
    return sorted(found | daemon.accounts.held.keys() if scope.kind == "all" else found)


def _may_hold(daemon: Daemon, alias: str) -> bool:
    """
    Whether an account that is not open is wanted open, or holds something by the ledger; until a start has come to it, of an
    instance that ever ran also what happened at the venue meanwhile.
    """
    records = [slot.record for slot in daemon.supervisor.slots.values() if slot.record.account == alias]
    if alias in daemon.accounts.held or any(daemon.supervisor.occupies(record) for record in records):
        return True
    return not daemon.progress.ready and any(record.anchor_ms for record in records)


def _aliases(daemon: Daemon) -> list[str]:
    """Every account that can be named: with a key of its own, of an instance, open for another reason, or under a level."""
    owned = {slot.record.account for slot in daemon.supervisor.slots.values() if slot.record.mode is not Mode.SHADOW}
    keyed = {alias for alias, account in daemon.ops.loaded.settings.accounts.items() if account.has_key}
    stored = (halt.scope.partition(":") for halt in daemon.halts.in_force())
    halted = {rest.partition("/")[0] for kind, _, rest in stored if kind in ("account", "symbol")}
    return sorted(owned | keyed | halted | daemon.accounts.held.keys())


def _is_real_money(daemon: Daemon, scope: Scope) -> bool:
    """Whether a scope reaches an instance or an account with real money."""
    accounts = daemon.ops.loaded.settings.accounts
    live = {alias for alias, account in accounts.items() if account.environment is Environment.LIVE}
    if scope.kind == "all":
        return bool(live)
    return not live.isdisjoint(_reached(daemon, scope))


async def _sides_in(daemon: Daemon, scope: Scope) -> list[str]:
    """Positions of symbols in hedge mode, whose two sides the books add up: as the venue has them, where it says so at once."""
    found = list[str]()

    async def read(account: Account, share: PanicScope) -> None:
        with suppress(VenueError, LinkError):
            rows_there = await account.desk.port.positions(share.symbol or None, priority=Priority.EXIT)
            sides = [each for each in rows_there if each.position_idx and each.signed_qty]
            found.extend(f"in hedge mode: {worded(each)} on {account.alias}" for each in sides)

    with anyio.move_on_after(SIDES_WITHIN_S):
        async with anyio.create_task_group() as group:
            for account, share in scopes_around(daemon.accounts, scope):
                group.start_soon(read, account, share)
    return sorted(found)


def _phrase_needed(daemon: Daemon, phrase: str, scope: Scope, effect: str, sides: Sequence[str] = ()) -> RpcError:
    held = [*_held_in(daemon, scope), *sides]
    preview = [f"{scope.text}: {effect}", *(held or ["no position is booked in it"])]
    return RpcError(
        Code.PHRASE_REQUIRED,
        f"this needs the phrase {phrase!r}",
        scope=scope.text,
        hint=f"type it when asked, or pass --confirm {phrase!r}",
        details={"phrase": phrase, "preview": preview},
    )


def _held_in(daemon: Daemon, scope: Scope) -> Iterator[str]:
    """Every position in a scope, whoever owns it, with its worth; of an account that is not open as the ledger has it."""
    for account, share in scopes_around(daemon.accounts, scope):
        for view in account.views.positions():
            if share.symbol in ("", view.symbol) and share.instance_uid in ("", view.owner):
                yield f"{rows.owner_name(daemon, view.owner)}: {_position(view)} on {account.alias}"
    for slot in daemon.supervisor.slots.values():
        record = slot.record
        if not scope.covers(record) or daemon.accounts.find(record.account) is not None:
            continue
        if qty := daemon.supervisor.booked_qty(record):
            where = "in its book" if record.mode is Mode.SHADOW else f"by the ledger; account {record.account} is not open"
            yield f"{slot.name}: {qty} {record.symbol} {where}"


def _position(view: PositionView) -> str:
    side = "long" if view.side is Side.BUY else "short"
    if view.mark_price is None:
        return f"{side} {view.qty:f} {view.symbol}, worth unknown: the venue was not read yet"
    return f"{side} {view.qty:f} {view.symbol}, worth {view.qty * view.mark_price:.2f} USDT at {view.mark_price:f},"


async def _refuse_unless_resolved(daemon: Daemon, scope: Scope, halts: list[Halt]) -> None:
    """
    What raised the halts of accounts is gone, and ledger and venue agree, on every account that the scope reaches.

    Of `all` those that are open: one that opens later is reconciled before it may enter.
    """
    for alias in _unreachable(daemon, scope) if scope.kind != "all" else ():
        text = f"{scope.text} cannot be resumed: account {alias} is not open, so that nobody can say what is there"
        raise RpcError(Code.REFUSED, text, reason="not_resolved", hint="`playctl status` says what it waits for")
    symbols = {slot.record.symbol for slot in daemon.supervisor.slots.values() if scope.covers(slot.record)}
    for account, share in scopes_around(daemon.accounts, scope):
        symbol = next(iter(symbols), "") if share.instance_uid else share.symbol
        if text := await account.resuming.refusal(halts, symbol):
            raise RpcError(Code.REFUSED, f"{scope.text} cannot be resumed: {text}", reason="not_resolved")


def _kept_by_space(daemon: Daemon, scope: Scope, held: list[Halt]) -> list[Halt]:
    """
    Pauses for want of space that go on beside what is lifted: a lifted one would come again, and let entries through till then.

    Measured at the moment of lifting, because what is asked of venues before takes seconds. Raises `RpcError` where a halt for
    want of space stands, and where nothing else does.
    """
    refused = [(halt, text) for halt in held if halt.code == DISK and (text := daemon.ops.space.refusal(halt.level))]
    if refused and (len(refused) == len(held) or any(halt.level >= Level.HALT for halt, _ in refused)):
        hint = "make room first, see the runbook disk-full"
        text = f"{scope.text} cannot be resumed: {refused[0][1]}"
        raise RpcError(Code.REFUSED, text, reason="not_resolved", hint=hint)
    return [halt for halt, _ in refused]


def _refuse_unless_flat(daemon: Daemon, scope: Scope) -> None:
    """A panic ends only when its scope is flat by our books and by the venue's last word; unread is not flat."""
    held = [
        slot.name
        for slot in daemon.supervisor.slots.values()
        if scope.covers(slot.record) and daemon.supervisor.booked_qty(slot.record)
    ]
    for account, share in scopes_around(daemon.accounts, scope):
        in_scope = (view for view in account.views.positions() if share.symbol in ("", view.symbol))
        held += [view.symbol for view in in_scope if share.instance_uid in ("", view.owner) and view.venue_qty != 0]
    if held:
        text = f"{scope.text} is not flat: {', '.join(sorted(set(held)))}"
        raise RpcError(Code.REFUSED, text, reason="not_flat", hint=f"playctl panic {scope.text}")
