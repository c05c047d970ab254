"""
DRL-25: the venue is away. In session, by its name, with 5xx for everything, each of them at a start too; then it announces
maintenance.

The daemon lives on, says what it waits for, and goes on by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from playd.ops.drills.bad_host import NAMES
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import HELD_SYMBOL, SHADOW
from playd.ops.drills.scenarios.steps import TRADED_S, alive, arm, bars_go_on, heal, no_gaps, struck
from playd.ops.drills.stage import SPEED, Stage

RETURNS_S: Final = 45.0
AWAY_S: Final = 15.0
NAMELESS_S: Final = 12.0
"""Longer than a name that was looked up is remembered."""

STATUSES: Final = (500, 502, 503, 504)
ERRORS_S: Final = 5.0
"""For which requests are answered with one of them; together longer than a blind account is left at level 0."""

OVERLAP_S: Final = 2.0
"""So long the next one is armed before the one before it ends: no question in between is answered."""

UNFIT: Final = ("degraded", "paused")
"""A blind account pauses what was degraded by it."""

NOT_READY: Final = "account_not_ready"
UNHEARD_S: Final = 4.0
"""
So long at least a venue is back under a name that nobody knows: a blind account is read every two seconds, and so is one at its
start. All of it is less than a blind account has until level 2.
"""
TRIED_S: Final = 12.0
"""A reading is tried, and on record a second later; on a busy machine."""

AHEAD_S: Final = 90.0
"""Maintenance is announced so long ahead: within the five minutes before it, and behind the start."""

LASTS_S: Final = 8.0
NOTICED_S: Final = 30.0
"""A venue that did not answer is asked again within seconds."""

FILL_CHECK: Final = "FILL_CHECK"
CHECKED_S: Final = 15.0
"""A fill is verified within ten seconds, and two more for an answer that is on its way."""

CODE: Final = "MAINTENANCE_LOCAL"
NOT_WELL: Final = 9


async def venue_down(stage: Stage) -> None:
    stage.on_a_bad_host()
    stage.by_name = True
    await stage.open()
    life = stage.daemon.child
    away = [await _away_in_session(stage), await _errors_in_session(stage)]
    stage.report.require(stage.daemon.child is life, "venue away in session", "one life of the daemon, no restart")
    away += [await _away_at_a_start(stage), await _maintenance(stage)]
    no_gaps(stage, "venue away and back")
    await stage.stays("venue away and back", lambda: alive(stage), "the daemon lives", CHECKED_S)
    unverified = [row for row in stage.table("halts") if row["code"] == FILL_CHECK]
    behind = raised_beside(unverified, away)
    seen = f"{len(unverified)} fills were not verified, {len(behind)} of them while nothing stood in the way"
    stage.report.require(not behind, "venue away and back", seen)


def raised_beside(halts: Iterable[Mapping[str, Any]], away: Sequence[tuple[int, int]]) -> list[Mapping[str, Any]]:
    """
    Halts that were raised while the venue was there: `away` has when it went, and when it was back; epoch ms. The checks of a
    fill at the moment in which it went end `CHECKED_S` later, if it is back by then or not.
    """
    spans = [(began_ms, max(back_ms, began_ms + round(CHECKED_S * 1000))) for began_ms, back_ms in away]
    return [row for row in halts if not any(began_ms <= row["raised_ms"] <= end_ms for began_ms, end_ms in spans)]


async def _away_in_session(stage: Stage) -> tuple[int, int]:
    """It is gone, and when it is back its name is not known for a while. When it went and when it was back, as of all parts."""
    fault = "venue away in session"
    went_ms = stage.world.clock.wall_ms()
    stage.report.inject("SIGKILL", "exchange")
    await stage.exchange.program.kill()
    await stage.stays(fault, lambda: alive(stage), "the daemon lives", AWAY_S)
    await _says_so(stage, fault)
    await _degraded(stage, fault)
    await _forgotten(stage, fault)
    starts_ms = stage.world.clock.wall_ms()
    await stage.exchange.start(SPEED)
    serves_ms = stage.world.clock.wall_ms()
    fault = "venue back, its name is not resolved"

    async def unheard() -> bool:
        return await alive(stage) and not await _reached(stage, starts_ms)

    async def tried() -> list[dict[str, Any]]:
        return [row for row in stage.table("recon_runs") if row["started_ms"] >= serves_ms]

    await stage.stays(fault, unheard, "the daemon lives, and does not reach it", UNHEARD_S)
    runs = await stage.expect(fault, tried, lambda rows: f"{len(rows)} readings of the account were tried", TRIED_S)
    failed = all(row["result"] == "blind" for row in runs) and await unheard()
    stage.report.require(failed, fault, "none of them reached it" if failed else "it was reached")
    began_s, back_ms = stage.host_is_well(NAMES), stage.world.clock.wall_ms()
    await bars_go_on(stage, "the name is resolved again", RETURNS_S, since_s=began_s)
    await stage.expect_covered(HELD_SYMBOL, "the name is resolved again", RETURNS_S)
    return went_ms, back_ms


async def _reached(stage: Stage, since_ms: int) -> bool:
    """Whether daemon or guardian got through to the venue since then, by its own ledger: to a socket, or with a request."""
    keys = (stage.exchange.key, stage.exchange.guardians_key)
    requests = [row for row in await stage.exchange.entries("request") if row["key"] in keys]
    return any(row["wall_ms"] >= since_ms for row in (*await stage.exchange.entries("opened"), *requests))


async def _forgotten(stage: Stage, fault: str) -> None:
    """From now on its name is not known, also to who looked it up before it was gone."""
    stage.host(NAMES, kind="unresolved", name="localhost")
    await stage.stays(f"{fault}, nor its name known", lambda: alive(stage), "the daemon lives", NAMELESS_S)


async def _errors_in_session(stage: Stage) -> tuple[int, int]:
    """Each of them in turn, without a good answer in between, until the account is blind."""
    went_ms = stage.world.clock.wall_ms()
    for status in STATUSES[:-1]:
        await _answered_with(stage, status, "in session")
        await stage.ctl("reconcile", ACCOUNT)  # by itself a look each half minute
        await stage.stays(f"every request answered with {status}", lambda: alive(stage), "the daemon lives", ERRORS_S)
    fault = f"every request answered with {STATUSES[-1]}"
    await arm(stage, "answer", {"path": "/v5/*"}, times=0, given={"http": STATUSES[-1]}, name=fault)
    await stage.ctl("reconcile", ACCOUNT)

    async def paused() -> Any:
        return stage.halt("BLIND")

    await stage.expect(fault, paused, lambda row: f"level {row['level']} on {row['scope']}", NOTICED_S)
    await _degraded(stage, fault)
    healed_s, back_ms = await heal(stage), stage.world.clock.wall_ms()

    async def lifted() -> bool:
        return stage.halt("BLIND") is None

    await stage.expect("requests answered again", lifted, "the pause has lifted itself", RETURNS_S, since_s=healed_s)
    await bars_go_on(stage, "requests answered again", RETURNS_S)
    return went_ms, back_ms


async def _answered_with(stage: Stage, status: int, where: str, from_s: float = 0.0) -> None:
    when = {"from_s": from_s, "until_s": from_s + ERRORS_S + OVERLAP_S}
    name = f"requests answered with {status} {where}"
    await arm(stage, "answer", {"path": "/v5/*"}, times=0, given={"http": status}, when=when, name=name)


async def _away_at_a_start(stage: Stage) -> tuple[int, int]:
    """First nobody is there, then its name is not known, then whoever is there answers with 5xx."""
    fault = "venue away at a start"
    await stage.daemon.stop()
    went_ms = stage.world.clock.wall_ms()
    stage.report.inject("SIGKILL", "exchange")
    await stage.exchange.program.kill()
    child = await stage.daemon.launch()

    async def waits() -> bool:
        return bool(stage.daemon.said("account.waiting"))

    await stage.expect(fault, waits, "the daemon waits and says so", TRADED_S)
    await _says_so(stage, fault)
    await _forgotten(stage, fault)
    began_s, starts_ms = stage.world.clock.mono_s(), stage.world.clock.wall_ms()
    await stage.exchange.start(SPEED)

    async def not_ready() -> bool:
        return await alive(stage) and not await stage.ready()

    async def unheard() -> bool:
        return await not_ready() and not await _reached(stage, starts_ms)

    fault = "venue back at a start, its name is not resolved"
    await stage.stays(fault, unheard, "the daemon waits on, and does not reach it", UNHEARD_S)
    for place, status in enumerate(STATUSES):
        await _answered_with(stage, status, "at a start", place * ERRORS_S)
    stage.host_is_well(NAMES)
    fault = f"venue back, every request of the start answered with {', '.join(map(str, STATUSES))}"
    await stage.stays(fault, not_ready, "the daemon waits on", len(STATUSES) * ERRORS_S - 2.0)
    await arm(stage, "maintenance", {}, times=0, when={"from_s": AHEAD_S, "until_s": AHEAD_S + LASTS_S})
    await stage.expect("requests answered again", stage.ready, "READY", TRADED_S + ERRORS_S * len(STATUSES), since_s=began_s)
    back_ms = stage.world.clock.wall_ms()
    stage.report.require(stage.daemon.child is child, "venue away at a start", "one life of the daemon, no restart")
    return went_ms, back_ms


async def _maintenance(stage: Stage) -> tuple[int, int]:
    """Announced ahead: the account is paused before it begins, and by itself let go behind its end and a reconciliation."""
    fault = "maintenance is announced"
    stage.report.require(not await struck(stage, "maintenance"), fault, "it has not begun")

    async def paused() -> Any:
        return stage.halt(CODE)

    found = await stage.expect(fault, paused, lambda row: f"level {row['level']} on {row['scope']}", NOTICED_S)
    ahead = not await struck(stage, "maintenance")
    stage.report.require(
        found["level"] == 1 and ahead, fault, "paused before it begins" if ahead else "paused when it had begun"
    )

    async def begun() -> bool:
        return await struck(stage, "maintenance")

    await stage.expect("maintenance", begun, "nothing is served", AHEAD_S + LASTS_S)
    went_ms = stage.world.clock.wall_ms()

    async def lifted() -> bool:
        return stage.halt(CODE) is None

    await stage.expect("maintenance", lifted, "over and reconciled: the pause has lifted itself", RETURNS_S + LASTS_S)
    back_ms = stage.world.clock.wall_ms()
    await bars_go_on(stage, "maintenance is over", RETURNS_S)
    await stage.expect_covered(HELD_SYMBOL, "maintenance is over", RETURNS_S)
    return went_ms, back_ms


async def _says_so(stage: Stage, fault: str) -> None:
    """`playctl status` does not claim that all is well."""
    ran = await stage.ctl("status")
    told = next((line for line in ran.text.splitlines() if "account" in line or "wait" in line), ran.text.strip())
    stage.report.require(ran.code == NOT_WELL, fault, f"`playctl status` ends with {ran.code}: {told.strip()[:100]}")


async def _degraded(stage: Stage, fault: str) -> None:
    """Every instance that needs the account says that it is not as it should be."""

    async def degraded() -> Any:
        rows = [row for row in (await stage.ctl("status", "--json")).data["instances"] if row["name"] != SHADOW]
        fit = [row for row in rows if row["state"] not in UNFIT or NOT_READY not in {each["code"] for each in row["reasons"]}]
        return rows if rows and not fit else None

    def told(rows: list[dict[str, Any]]) -> str:
        why = next(each["text"] for each in rows[0]["reasons"] if each["code"] == NOT_READY)
        return f"{len(rows)} instances are {' or '.join(sorted({row['state'] for row in rows}))}: {why}"

    await stage.expect(fault, degraded, told, NOTICED_S)
