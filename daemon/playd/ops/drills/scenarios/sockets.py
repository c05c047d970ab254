"""DRL-05 and DRL-06: sockets that drop again and again, and ones that are dead and do not say so."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

import anyio

from playd.ops.drills.plays import HELD, HELD_SYMBOL, SHADOW
from playd.ops.drills.scenarios.steps import (
    alerted,
    alerts,
    alerts_to_a_file,
    alive,
    arm,
    bars_after,
    bars_go_on,
    heal,
    holds_still,
    newest_bar,
    no_gaps,
    stop_removed,
)
from playd.ops.drills.stage import SPEED, Stage

PUBLIC, PRIVATE = "public", "private"
SILENCE_S: Final = 45.0
HEARD_S: Final = {PUBLIC: 6.0, PRIVATE: 22.0}
"""How long before a fault a socket was heard at least: the market speaks all the time, a private one answers pings."""

GIVEN_UP_S: Final = 55.0
"""The silence, and the next look."""

RETURNS_S: Final = 45.0
COVERED_S: Final = 40.0
DROPS: Final = 200
MET: Final = DROPS // 8
"""Of either socket: a drop that finds none waits for the next one that connects, and connects are limited."""

STORM_S: Final = 600.0
CONNECTS_PER_MIN: Final = 20
MINUTE_MS: Final = 60_000
SLOW: Final = 6.0
"""Market minutes per minute."""

LIMITED_S: Final = 90.0
"""The daemon has used up its connects of a minute."""

WARN_AFTER_S, ALARM_AFTER_S = 30.0, 120.0
LOOK_S: Final = 10.0
"""The look is taken every five seconds."""

ALERTED_S: Final = 30.0
"""The look, and a program that is run."""

POLL_S: Final = 5.0
POSITIONS: Final = "/v5/position/list"


async def reconnect_storm(stage: Stage) -> None:
    """DRL-05: two hundred drops in ten minutes, of the public and of the private socket in turn; then no private one at all."""
    await stage.open(settings=alerts_to_a_file(stage))
    fault = f"{DROPS} drops in {STORM_S / 60:g} min"
    await stage.until_covered(HELD_SYMBOL)
    await stage.exchange.release(SLOW)
    began_ms, began_s = stage.world.clock.wall_ms(), stage.world.clock.mono_s()
    for number in range(DROPS):
        socket = (PUBLIC, PRIVATE)[number % 2]
        await arm(stage, "cut", {"socket": socket}, name=f"drops of the {socket} socket")
        await anyio.sleep(max(began_s + (number + 1) * STORM_S / DROPS - stage.world.clock.mono_s(), 0.0))
    hits = await stage.exchange.fault_hits()
    dropped = {socket: hits.get(f"drops of the {socket} socket", 0) for socket in (PUBLIC, PRIVATE)}
    seen = " and ".join(f"{count} met a {socket} socket" for socket, count in dropped.items())
    stage.report.require(all(count >= MET for count in dropped.values()), fault, seen)
    healed_s = await heal(stage)
    for who, own in (("the daemon", False), ("the guardian", True)):
        opened = await _connects_of(stage, began_ms, guardian=own)
        most = _most_in_a_minute(opened)
        stage.report.require(most <= CONNECTS_PER_MIN, fault, f"{len(opened)} connects of {who}, at most {most} in a minute")
    stage.report.require(await alive(stage), fault, "one life of the daemon")
    await stage.exchange.release(SPEED)
    await stage.expect("storm over", lambda: _trades(stage), "both sockets are up", LIMITED_S, since_s=healed_s)
    await bars_go_on(stage, "storm over", LIMITED_S)
    no_gaps(stage, "storm over")
    await _private_socket_away(stage)


async def _connects_of(stage: Stage, began_ms: int, *, guardian: bool) -> list[int]:
    """When daemon or guardian connected since then: a socket is the guardian's that proves its key, any other the daemon's."""
    keys = {row["conn"]: row["key"] for row in await stage.exchange.entries("authenticated")}
    opened = [row for row in await stage.exchange.entries("opened") if row["wall_ms"] >= began_ms]
    return [row["wall_ms"] for row in opened if (keys.get(row["conn"]) == stage.exchange.guardians_key) is guardian]


def _most_in_a_minute(moments_ms: Sequence[int]) -> int:
    """The most moments (sorted, ms) that any minute has."""
    return max((bisect_left(moments_ms, start + MINUTE_MS) - place for place, start in enumerate(moments_ms)), default=0)


async def _private_socket_away(stage: Stage) -> None:
    """The private socket alone is not let in for two minutes, while a position is open: the account is polled, and says so."""
    fault = "private socket not let in"
    await holds_still(stage, HELD, HELD_SYMBOL)  # nothing is entered any more while the account is polled
    told = len(alerts(stage))  # the drops before may have been told, too
    began_s = await arm(stage, "refuse_connection", {"socket": PRIVATE}, times=0)
    await arm(stage, "cut", {"socket": PRIVATE}, name="the private socket is cut, and not let in")
    await _told(stage, fault, "warning", WARN_AFTER_S, began_s, told)
    removed_s = await stop_removed(stage, HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, f"{fault}, stop cancelled", COVERED_S, since_s=removed_s)
    await stage.exchange.release(SLOW)
    await _told(stage, fault, "critical", ALARM_AFTER_S, began_s, told)
    since_ms, until_ms = _wall(stage, removed_s), stage.world.clock.wall_ms()
    polled = {row["uid"] for row in stage.table("instances") if row["name"] != SHADOW}
    since = [row for row in stage.table("bars") if row["processed_ms"] > since_ms and row["instance"] in polled]
    entered = sum(row["verdict"] == "ENTERED" for row in since)
    stage.report.require(since and not entered, fault, f"{entered} entries on {len(since)} bars of accounts that are polled")
    requests = [row for row in await stage.exchange.entries("request") if row["key"] == stage.exchange.key]
    reads = [row["wall_ms"] for row in requests if row["path"] == POSITIONS and since_ms <= row["wall_ms"] <= until_ms]
    most_s = max(late - early for early, late in zip([since_ms, *reads], [*reads, until_ms], strict=True)) / 1000
    seen = f"polled: {len(reads)} readings of positions, at most {most_s:.1f} s apart"
    stage.report.require(most_s <= 2 * POLL_S, fault, seen)
    await stage.exchange.release(SPEED)
    healed_s = await heal(stage)

    async def over() -> bool:
        found = stage.incident("SLO_PRIVATE_DOWN")
        return found is not None and found["resolved_ms"] is not None

    await stage.expect("private socket let in", over, "the incident is over", RETURNS_S, since_s=healed_s)
    await bars_go_on(stage, "private socket let in", RETURNS_S)


async def _told(stage: Stage, fault: str, severity: str, after_s: float, began_s: float, behind: int) -> None:
    """The incident has this severity when it is due, and not before."""

    async def told() -> bool:
        found = stage.incident("SLO_PRIVATE_DOWN")
        return found is not None and found["severity"] == severity and found["resolved_ms"] is None

    await stage.expect(fault, told, f"a {severity} incident", after_s + LOOK_S, since_s=began_s)
    took_s = stage.world.clock.mono_s() - began_s
    words = f"{severity.upper()} SLO_PRIVATE_DOWN"
    await alerted(stage, fault, words, after_s + ALERTED_S, since_s=began_s, behind=behind)
    stage.report.require(took_s >= after_s, fault, f"a {severity} incident after {took_s:.0f} s, not before {after_s:g} s")


def _wall(stage: Stage, moment_s: float) -> int:
    """A monotonic moment on the wall clock."""
    clock = stage.world.clock
    return clock.wall_ms() - round((clock.mono_s() - moment_s) * 1000)


async def half_open(stage: Stage) -> None:
    """
    DRL-06: a socket says nothing more, and TCP stands: the public one, then the private one.

    A local exchange waits half a minute for whoever follows its market; then bars close that nobody is told of.
    """
    await stage.open()
    newest = newest_bar(stage)
    await _dead(stage, PUBLIC)
    await bars_go_on(stage, "public socket speaks again", RETURNS_S)
    no_gaps(stage, "public socket silent")
    late = [row for row in bars_after(stage, newest) if row["late"]]
    entered = sum(row["verdict"] == "ENTERED" for row in late)
    seen = f"{entered} entries on {len(late)} bars that came late"
    stage.report.require(late and not entered, "public socket silent", seen)
    await stage.until_covered(HELD_SYMBOL)
    await _dead(stage, PRIVATE)
    await bars_go_on(stage, "private socket speaks again", RETURNS_S)


async def _dead(stage: Stage, socket: str) -> None:
    """One socket is dead: it is given up when nothing was heard for so long, and another one takes its place."""
    fault = f"{socket} socket silent"
    known, ups = len(await connects(stage, socket)), len(stage.daemon.said("feed.link_up"))
    began_s = await arm(stage, "half_open", {"socket": socket}, times=0)

    async def asks_again() -> Any:
        return len(await connects(stage, socket)) > known

    await stage.expect(fault, asks_again, "it is given up", GIVEN_UP_S, since_s=began_s)
    took_s = stage.world.clock.mono_s() - began_s
    heard_s = HEARD_S[socket]
    seen = f"given up after {took_s:.1f} s, heard for the last time at most {heard_s:g} s before: not before {SILENCE_S:g} s"
    stage.report.require(took_s >= SILENCE_S - heard_s, fault, seen)
    healed_s = await heal(stage)

    async def lives() -> bool:
        return (socket == PRIVATE or len(stage.daemon.said("feed.link_up")) > ups) and await _trades(stage)

    await stage.expect(f"{socket} socket speaks again", lives, "connected anew", RETURNS_S, since_s=healed_s)


async def connects(stage: Stage, socket: str) -> list[dict[str, Any]]:
    """Every connect of sockets of a kind, by the exchange's own ledger."""
    return [row for row in await stage.exchange.entries("opened") if f"/{socket}" in row["path"]]


async def _trades(stage: Stage) -> bool:
    """Whether every account takes entries."""
    accounts = (await stage.ctl("status", "--json")).data["daemon"]["accounts"]
    return not any(row["not_ready"] for row in accounts)
