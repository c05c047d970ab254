"""Methods about real money: what is shown, who allows it, and the first start behind that."""

from contextlib import suppress
from typing import Any, Final

import orjson

from playd.control import arming_answers as a
from playd.control import params as p
from playd.control.asked_for import account_named
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import rfc3339
from playd.control.look_answers import WaiverRow
from playd.control.practice import readiness_facts
from playd.control.preflight import preflight
from playd.control.protocol import Code, JsonObject, RpcError
from playd.core.errors import OperatorError
from playd.core.modes import Mode
from playd.core.timeframes import DAY_MS
from playd.orders.panic import PanicReport
from playd.supervisor.arming import Arming, Held, arm_phrase, live_phrase, step_caps
from playd.supervisor.checks import WAIVABLE, Check, blockers, with_waivers
from playd.supervisor.evidence import KEPT_MS
from playd.supervisor.names import not_found
from playd.supervisor.readiness import readiness
from playd.supervisor.slot import Slot
from playd.venues.bybit.key_check import LAST_DAYS

LOOKED_MS: Final = 600_000
"""How long a look before a start counts."""

FIRST_RUNG: Final = "micro"

WAIVER_DAYS: Final = 7

IMPORTED: Final = ("backtest", "parity", "drill")
"""Kinds of evidence that come from another process; the daemon makes the others itself, from what it saw."""


async def run_preflight(daemon: Daemon, params: p.Preflight, call: Call) -> a.Looked:
    """The look before a start, for one instance; what it found is evidence."""
    slot = _of(daemon, params.name, params.account)
    checks = await _look(daemon, slot)
    return {"name": slot.name, "ready": not blockers(checks), "checks": [check_row(daemon, each) for each in checks]}


async def get_readiness(daemon: Daemon, params: p.Readiness, call: Call) -> a.Shown:
    """What has been shown over time, with the earliest date for what is lacking. Every instance begins at the first rung."""
    slot = daemon.supervisor.find(params.name)
    if params.rung not in ("", FIRST_RUNG):
        text = f"rung {params.rung!r} found, {FIRST_RUNG!r} expected: nothing leads from it to the next one in this version"
        raise RpcError(Code.REFUSED, text, reason="no_such_rung")
    checks = await _shown(daemon, slot)
    return {
        "name": slot.name,
        "rung": FIRST_RUNG,
        "policy": daemon.policy.digest[:16],
        "ready": not blockers(checks),
        "checks": [check_row(daemon, each) for each in checks],
    }


async def arm(daemon: Daemon, params: p.Arm, call: Call) -> a.Permission:
    """Allow one instance to open positions with real money, for some days. Refused with everything that stands against it."""
    slot = daemon.supervisor.find(params.name)
    record, name = slot.record, slot.name
    if record.mode is not Mode.LIVE:
        raise RpcError(Code.REFUSED, f"{name} is {record.mode}: only an instance with real money is armed", reason="not_live")
    most = daemon.ops.loaded.settings.arming.max_days
    days = params.days or most
    if days > most:
        raise RpcError(Code.INVALID_PARAMS, f"{days} days found, arming.max_days is {most}")
    checks = [*await _look(daemon, slot), *await _shown(daemon, slot)]
    against = blockers(checks)
    if against:
        text = f"{name} cannot be armed: " + "; ".join(f"{each.name}: {each.detail}" for each in against)
        details: JsonObject = {"checks": [check_row(daemon, each) for each in against]}
        hint = f"playctl readiness {name}; what is lacking there can be waived: playctl waive CHECK --reason TEXT"
        raise RpcError(Code.REFUSED, text, reason="not_ready", hint=hint, details=details)
    account = await daemon.open_account(record)
    days_left = account.key.days_left
    if days_left is not None and days_left <= LAST_DAYS:
        raise RpcError(Code.REFUSED, account.key.start_refusal(), reason="key_expires")
    now_ms = daemon.clock.wall_ms()
    limits = account.desk.settings.limits
    order_usd, day_usd = step_caps(record.capital_step, limits.micro_order_usd, limits.micro_day_usd)
    draft = Arming(
        id="",
        account=record.account,
        uid=account.key.uid,
        instance_uid=record.uid,
        play_digest=record.play_digest,
        capital_step=record.capital_step,
        policy=daemon.policy.digest,
        order_usd=order_usd,
        day_usd=day_usd,
        evidence=tuple(each.evidence for each in checks if each.evidence),
        waivers=tuple(each.name for each in checks if each.waived),
        actor=call.actor,
        created_ms=now_ms,
        expires_ms=now_ms + days * DAY_MS,
    )
    phrase = arm_phrase(record.account, name)
    if params.confirm != phrase:
        raise _phrase(
            phrase, [f"{name} may open positions with real money on {record.account} for {days} days", *_terms(draft)]
        )
    held = daemon.armings.create(draft)
    daemon.supervisor.look_around()
    await daemon.journal.synced()
    return arming_row(daemon, slot, held)


async def disarm(daemon: Daemon, params: p.Disarm, call: Call) -> a.Permission:
    """Take the permission back at once: what rests of entries is cancelled, exits and stops go on. Needs no phrase."""
    slot = daemon.supervisor.find(params.name)
    held = daemon.armings.held(slot.record.uid)
    if held is None or held.revoked_by:
        raise RpcError(Code.NOT_RUNNING, f"{slot.name} is not armed", reason="not_armed")
    held = daemon.armings.revoke(slot.record.uid, call.actor) or held
    daemon.supervisor.look_around()
    await daemon.journal.synced()
    return arming_row(daemon, slot, held)


async def waive(daemon: Daemon, params: p.Waive, call: Call) -> WaiverRow:
    """Let one check of readiness pass that fails, until a time at most a week away."""
    now_ms = daemon.clock.wall_ms()
    if params.check not in WAIVABLE:
        text = not_found("check that can be waived", params.check, WAIVABLE)
        raise RpcError(Code.REFUSED, text, reason="not_waivable")
    if not now_ms < params.until_ms <= now_ms + WAIVER_DAYS * DAY_MS:
        text = f"until {rfc3339(params.until_ms)} found, a time within {WAIVER_DAYS} days expected"
        raise RpcError(Code.INVALID_PARAMS, text)
    if params.confirm != (phrase := f"WAIVE {params.check}"):
        raise _phrase(phrase, [f"{params.check} counts as passed for every instance until {rfc3339(params.until_ms)}"])
    daemon.armings.waive(params.check, reason=params.reason, actor=call.actor, until_ms=params.until_ms)
    await daemon.journal.synced()
    return {"check": params.check, "reason": params.reason, "until": rfc3339(params.until_ms)}


async def list_evidence(daemon: Daemon, params: p.Nothing, call: Call) -> list[a.EvidenceRow]:
    now_ms = daemon.clock.wall_ms()
    return [
        {
            "id": each.id,
            "kind": each.kind,
            "subject": subject,
            "passed": each.passed,
            "age_s": max(0.0, (now_ms - each.created_ms) / 1000),
            "created": rfc3339(each.created_ms),
            "expires": rfc3339(each.expires_ms),
        }
        for subject, each in daemon.evidence.latest()
    ]


async def import_evidence(daemon: Daemon, params: p.ImportEvidence, call: Call) -> a.Imported:
    """Take over what `playd drill run` or `playd backtest --evidence` wrote. Raises `RpcError` for anything else."""
    try:
        found: Any = orjson.loads(params.content)
    except orjson.JSONDecodeError as error:
        raise RpcError(Code.INVALID, f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise RpcError(Code.INVALID, "a JSON object was expected")
    kind, names = "drill", ("drill", "started_ms", "passed")
    if "drill" not in found:
        kind, names = str(found.get("kind")), ("play_digest", "created_ms", "eligible")
    subject, created_ms, passed = (found.get(name) for name in names)
    if kind not in IMPORTED or not isinstance(subject, str) or not isinstance(created_ms, int) or not isinstance(passed, bool):
        text = "no evidence of a drill, a backtest or a parity run: kind, subject, time or result is missing"
        raise RpcError(Code.INVALID, text)
    if created_ms > daemon.clock.wall_ms():
        raise RpcError(Code.INVALID, f"made at {rfc3339(created_ms)}, which is still to come")
    kept = daemon.evidence.add(kind, subject, found, passed=passed, created_ms=created_ms, lasts_ms=KEPT_MS)
    return {"id": kept.id, "kind": kept.kind, "subject": subject, "passed": kept.passed}


async def confirm_live(daemon: Daemon, slot: Slot, given: str, call: Call) -> None:
    """
    What a start by a person needs with real money: the phrase and a look, once per permission.

    Without a permission nothing is refused: the instance then leads out what it has and opens nothing, and says so.
    """
    link, record = daemon.chain(slot.record), slot.record
    if link is not None and link.code == "not_a_live_account" and daemon.accounts.find(record.account) is None:
        # Without its account nothing opens a position; whether the rest of it starts is for the start itself to say.
        with suppress(OperatorError):
            await daemon.open_account(record)
        link = daemon.chain(record)
    if link is None:
        return
    if link.code != "not_confirmed":
        call.warnings.append(("exits_only", f"{slot.name} opens nothing: {link}" + (f"; {link.hint}" if link.hint else "")))
        return
    held = daemon.armings.held(record.uid)
    phrase = live_phrase(record.account, slot.name)
    if given != phrase:
        terms = _terms(held.arming) if held is not None else []
        raise _phrase(phrase, [f"{slot.name} trades real money on {record.account} from now on", *terms])
    if not _looked_lately(daemon, slot):
        against = blockers(await _look(daemon, slot))
        if against:
            text = f"{slot.name} is not started: " + "; ".join(f"{each.name}: {each.detail}" for each in against)
            details: JsonObject = {"checks": [check_row(daemon, each) for each in against]}
            raise RpcError(Code.REFUSED, text, reason="preflight", hint=f"playctl preflight {slot.name}", details=details)
    daemon.armings.confirm(record.uid, call.actor)
    daemon.supervisor.look_around()


def note_rehearsal(daemon: Daemon, alias: str, report: PanicReport) -> None:
    """A panic of a whole account that ended flat is evidence that one works."""
    if report.exit_code == 0:
        numbers = {"duration_s": round(report.duration_s, 3), "version": daemon.version}
        now_ms = daemon.clock.wall_ms()
        daemon.evidence.add("panic_rehearsal", alias, numbers, passed=True, created_ms=now_ms, lasts_ms=KEPT_MS)


def arming_row(daemon: Daemon, slot: Slot, held: Held) -> a.Permission:
    """One record for people."""
    arming, link = held.arming, daemon.chain(slot.record)
    ends_ms = arming.ends_ms(daemon.ops.loaded.settings.arming.max_days)
    return {
        "name": slot.name,
        "account": arming.account,
        "id": arming.id,
        "step": arming.capital_step,
        "order_usd": arming.order_usd or None,
        "day_usd": arming.day_usd or None,
        "armed_by": arming.actor,
        "expires": rfc3339(ends_ms),
        "left_s": max(0.0, (ends_ms - daemon.clock.wall_ms()) / 1000),
        "waivers": list(arming.waivers),
        "broken": None if link is None else link.code,
        "text": "may open positions" if link is None else str(link),
        "next": "" if link is None else link.hint,
    }


def check_row(daemon: Daemon, check: Check) -> a.CheckRow:
    """One check for people."""
    shown = daemon.evidence.named(check.evidence) if check.evidence else None
    return {
        "check": check.name,
        "result": "waived" if check.waived else check.result,
        "detail": check.detail + (f" (waived: {check.waived})" if check.waived else ""),
        "evidence": check.evidence[:16],
        "age_s": check.age_s,
        "expires": rfc3339(shown.expires_ms) if shown is not None else None,
        "next_possible": rfc3339(check.next_ms) if check.next_ms is not None and not check.holds else None,
        "fix": check.fix,
    }


async def _look(daemon: Daemon, slot: Slot) -> list[Check]:
    """The look before a start; passed or not, it is kept as evidence."""
    checks = await preflight(daemon, slot, daemon.policy)
    numbers: JsonObject = {"checks": {each.name: each.result for each in checks}, "version": daemon.version}
    now_ms = daemon.clock.wall_ms()
    daemon.evidence.add(
        "preflight", slot.record.uid, numbers, passed=not blockers(checks), created_ms=now_ms, lasts_ms=LOOKED_MS
    )
    return checks


def _looked_lately(daemon: Daemon, slot: Slot) -> bool:
    found = daemon.evidence.newest("preflight", slot.record.uid)
    return found is not None and found.passed and found.expires_ms > daemon.clock.wall_ms()


async def _shown(daemon: Daemon, slot: Slot) -> list[Check]:
    found = readiness(await readiness_facts(daemon, slot, daemon.policy), daemon.policy)
    return with_waivers(found, daemon.armings.waivers())


def _of(daemon: Daemon, name: str | None, account: str | None) -> Slot:
    """The instance that a look is about: by its name, on that account if one is named, else the first of an account."""
    if name is not None:
        slot = daemon.supervisor.find(name)
        if account not in (None, slot.record.account):
            text = f"account: found {account!r} for {name}, expected {slot.record.account!r}, which it trades on"
            raise RpcError(Code.INVALID_PARAMS, text)
        return slot
    if account is None:
        raise RpcError(Code.INVALID_PARAMS, "nothing is named: an instance, or an account", hint="playctl list")
    account_named(daemon, account)
    of_account = [slot for slot in daemon.supervisor.slots.values() if slot.record.account == account]
    if not of_account:
        raise RpcError(Code.NOT_FOUND, f"no instance on account {account!r}", hint="playctl list")
    return of_account[0]


def _terms(arming: Arming) -> list[str]:
    caps = f", at most {arming.order_usd} USD an order and {arming.day_usd} USD a day" if arming.order_usd else ""
    lines = [f"step {arming.capital_step}{caps}, until {rfc3339(arming.expires_ms)}"]
    return [*lines, *(f"waived: {name}" for name in arming.waivers)]


def _phrase(phrase: str, preview: list[str]) -> RpcError:
    hint = f"type it when asked, or pass --confirm {phrase!r}"
    return RpcError(
        Code.PHRASE_REQUIRED, f"this needs the phrase {phrase!r}", hint=hint, details={"phrase": phrase, "preview": preview}
    )
