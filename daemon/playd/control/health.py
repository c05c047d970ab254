"""Is it alive, is it ready, is each instance well? Pure reads, behind `/livez`, `/readyz`, `/healthz` and `playctl health`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from playd.control import rows
from playd.control.context import Daemon
from playd.control.figures import rounded
from playd.control.ops_answers import Health, HealthCheck, InstanceHealth
from playd.control.slices import in_slices
from playd.control.tables import say_age
from playd.core.modes import Environment
from playd.orders.halts import scopes_of
from playd.supervisor.slot import Slot
from playd.supervisor.states import State

LOOP_ALIVE_S: Final = 5.0
LOOKED_WITHIN_S: Final = 5.0
LOOP_LAG_S: Final = 0.5
BEAT_WITHIN_S: Final = 10.0
"""How long a part may take to come round that does so every few seconds."""

UNTOLD_S: Final = 20.0
"""How long nobody may say that the guardian is silent when it is due to be said: 30 s of silence with the limit as shipped."""

HEALTHY: Final = (State.RUNNING, State.CREATED, State.STOPPED, State.WARMING)


@dataclass(frozen=True, slots=True)
class Check:
    """One condition. `reason` says what is wrong, or what is known; `age_s` how old that knowledge is."""

    name: str
    ok: bool
    reason: str
    age_s: float | None = None

    def as_json(self) -> HealthCheck:
        return {"name": self.name, "ok": self.ok, "reason": self.reason, "age_s": rounded(self.age_s)}


def alive(daemon: Daemon) -> bool:
    """Whether the loop that trades turns."""
    return daemon.clock.mono_s() - daemon.ops.loop.turned_s < LOOP_ALIVE_S


def ready_checks(daemon: Daemon) -> list[Check]:
    """What must be good before anybody relies on the daemon."""
    return [
        Check("start", daemon.progress.ready, daemon.progress.step, 0.0),
        Check("settings", True, f"digest {daemon.ops.loaded.digest[:16]}", 0.0),
        *_records(daemon),
        *_clocks(daemon),
        *_accounts(daemon),
        *_feeds(daemon),
    ]


def lacking(daemon: Daemon) -> str:
    """What is not good beside the start itself: accounts with the step that they are at, clocks, feeds. Empty when all is."""
    checks = [check for check in ready_checks(daemon) if not check.ok and check.name != "start"]
    return "; ".join(f"{check.name}: {check.reason}" for check in checks)


def beat_failures(daemon: Daemon) -> list[str]:
    """What withholds the watchdog's beat: a loop that turns but does not decide, record, hear or answer is no living daemon."""
    now_s = daemon.clock.mono_s()
    failing = []
    if now_s - daemon.supervisor.looked_s > LOOKED_WITHIN_S:
        failing.append(f"the supervisor has not looked for {now_s - daemon.supervisor.looked_s:.1f} s")
    if daemon.ops.loop.lag_p99_s >= LOOP_LAG_S:
        failing.append(f"the loop lags {daemon.ops.loop.lag_p99_s:.2f} s")
    failing += [f"{check.name}: {check.reason}" for check in _records(daemon) if not check.ok]
    failing += [*_silent(daemon)]
    return failing


def _silent(daemon: Daemon) -> Iterator[str]:
    """
    Parts that have not come round within their time, although the loop turns: each waits for what does not come. While
    something held the loop nobody could: that is the loop's fault, and judged as such.
    """
    ops = daemon.ops
    now_s = daemon.clock.mono_s() - ops.loop.held_s
    if (silent_s := now_s - ops.self_call.answered_s) > BEAT_WITHIN_S:
        yield f"the control socket has not answered for {silent_s:.1f} s"
    for name, behind_s in ops.feeds_behind_s().items():
        if behind_s - ops.loop.held_s > BEAT_WITHIN_S:
            yield f"the watch over the feeds of {name} is {behind_s:.1f} s behind"
    dead_s = ops.loaded.settings.streams.dead_s
    for account in rows.all_accounts(daemon):
        if (looked_s := account.looked_s) is not None and now_s - looked_s > BEAT_WITHIN_S:
            yield f"account {account.alias} has not looked for {now_s - looked_s:.1f} s"
        heard_s = ops.private_heard_s().get(account.alias)
        silent = heard_s is not None and heard_s - ops.loop.held_s > dead_s + BEAT_WITHIN_S
        if account.desk.condition.stream_up and silent:
            yield f"the private stream of {account.alias} is silent for {heard_s:.1f} s, and its account does not poll"
    if (untold_s := daemon.guardian.untold_s) - ops.loop.held_s > UNTOLD_S:
        yield f"nobody is told for {untold_s:.0f} s that the guardian is silent"


def status_line(daemon: Daemon) -> str:
    """One line for the service manager: what is not good, instances by state, halts, ages, equity."""
    slots = daemon.supervisor.slots.values()
    counts = {state: sum(slot.state is state for slot in slots) for state in State}
    words = [f"degraded: {missing}"] if (missing := lacking(daemon)) else []
    words.append(", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no instances")
    highest = max((int(halt.level) for halt in daemon.halts.in_force()), default=0)
    words.append(f"halt level {highest}")
    now_ms = daemon.clock.wall_ms()
    reconciled = [rows.reconciled_ms(daemon, account.alias) for account in rows.all_accounts(daemon)]
    if known := [at_ms for at_ms in reconciled if at_ms is not None]:
        words.append(f"reconciled {say_age((now_ms - min(known)) / 1000)} ago")
    if ages := [age for slot in slots if slot.active and (age := rows.feed_age_s(daemon, slot)) is not None]:
        words.append(f"feed {say_age(max(ages))}")
    if daemon.guardian.age_s is not None:
        words.append(f"guardian {say_age(daemon.guardian.age_s)}")
    wallets = [(account.alias, account.desk.condition.wallet) for account in rows.all_accounts(daemon)]
    words += [f"{alias} {wallet.equity_usdt:.0f} USDT" for alias, wallet in wallets if wallet is not None]
    return "; ".join(words)


def _records(daemon: Daemon) -> Iterator[Check]:
    broken = daemon.ledger.broken
    waits_s = daemon.ledger.waiting_s
    late = waits_s is not None and waits_s > LOOKED_WITHIN_S
    yield Check(
        "ledger", not broken and not late, broken or (f"a row waits for {waits_s:.1f} s" if late else "written and synced"), 0.0
    )
    journal = daemon.ops.journal
    unsynced_s = journal.waiting_s
    stuck = unsynced_s is not None and unsynced_s > LOOKED_WITHIN_S
    text = "no space left" if journal.full else f"records wait for {unsynced_s:.1f} s" if stuck else "written and synced"
    yield Check("journal", not journal.full and not stuck, text, 0.0)


def _clocks(daemon: Daemon) -> Iterator[Check]:
    for venue in daemon.ops.venue_times:
        age_s = venue.clock.last_good_age_s
        offset_ms = venue.clock.offset_ms
        ok = age_s is not None and abs(offset_ms) <= daemon.ops.loaded.settings.clock.stop_ms and not venue.paused
        text = f"{offset_ms:+.0f} ms to {venue.name}" if age_s is not None else f"{venue.name} was never asked"
        yield Check(f"clock {venue.name}", ok, text, age_s)


def _accounts(daemon: Daemon) -> Iterator[Check]:
    wall_ms = daemon.clock.wall_ms()
    for alias, held in sorted(daemon.accounts.held.items()):
        condition = held.account.desk.condition if held.account is not None else None
        wrong = held.refused or (condition.not_ready() if condition is not None else rows.account_step(daemon, held))
        last_ms = rows.reconciled_ms(daemon, alias)
        age_s = None if last_ms is None else (wall_ms - last_ms) / 1000
        yield Check(f"account {alias}", not wrong, wrong or "key, private stream and reconciliation are good", age_s)
        if held.plan.environment is Environment.LIVE:
            missing = daemon.guardian.missing
            yield Check(f"guardian of {alias}", not missing, missing or "heard", daemon.guardian.age_s)


def _feeds(daemon: Daemon) -> Iterator[Check]:
    """Never ready before first data: a symbol that an active instance follows must have been heard."""
    active = [slot for slot in daemon.supervisor.slots.values() if slot.active]
    for symbol in sorted({symbol for slot in active for symbol in slot.symbols}):
        slot = next(slot for slot in active if symbol in slot.symbols)
        hub = daemon.find_hub(slot.record)
        age_s, state = rows.feed_age_s(daemon, slot, symbol), hub.feed_state(symbol) if hub is not None else "not open"
        good = age_s is not None and str(state) in ("live", "late", "waiting")
        yield Check(f"feed {symbol}", good, f"{state}" if age_s is not None else "nothing was heard yet", age_s)


def instance_health(daemon: Daemon, slot: Slot) -> InstanceHealth:
    """One instance: whether it is well, and the figures that say so."""
    row = rows.status_row(daemon, slot)
    record = slot.record
    halt = daemon.halts.highest(*scopes_of(record.uid, record.account, record.symbol))
    level = int(halt.level) if halt is not None else 0
    return {
        "healthy": slot.state in HEALTHY and level == 0,
        "name": row["name"],
        "mode": row["mode"],
        "state": row["state"],
        "reasons": row["reasons"],
        "feed_age_s": row["feed_age_s"],
        "bar_age_s": row["bar_age_s"],
        "position": row["position"],
        "stop_at_venue": row["stop_at_venue"],
        "last_verdict": row["last_verdict"],
        "halt_level": level,
    }


async def health(daemon: Daemon) -> Health:
    """Everything: alive, ready with its checks, and every instance, live ones first."""
    checks = ready_checks(daemon)
    slots = sorted(daemon.supervisor.slots.values(), key=lambda slot: (slot.record.mode != "live", slot.name))
    return {
        "alive": alive(daemon),
        "ready": all(check.ok for check in checks),
        "checks": [check.as_json() for check in checks],
        "instances": [row async for row in in_slices((instance_health(daemon, slot) for slot in slots), daemon.clock)],
    }
