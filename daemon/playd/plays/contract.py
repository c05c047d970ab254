"""What the sections must agree on: every position can be closed, every side that is entered has what it needs."""

from dataclasses import dataclass
from typing import Final

from playd.plays.document import Map
from playd.plays.findings import Mark, Report
from playd.plays.model import Account, Block, LevelStop, Policy, Risk
from playd.plays.reader import Section

_EXITS: Final = ("exit_long", "exit_short", "exit_all")


@dataclass(frozen=True, slots=True)
class Sections:
    """The checked sections that the exit contract compares."""

    account: Account
    policy: Policy
    risk: Risk
    actions: tuple[Block, ...]


def check_contract(sections: Sections, top: Section, report: Report) -> None:
    """Findings about sections that contradict each other; call it only when the sections themselves are sound."""
    policy, risk = sections.policy, sections.risk
    used: set[str] = {item.action for block in sections.actions for case in block.cases for item in case.emit}
    used |= {item.action for block in sections.actions for item in block.otherwise}
    for side, allowed in (("long", policy.allows_long), ("short", policy.allows_short)):
        if f"entry_{side}" in used and not allowed:
            text = f"found entry_{side}, which mode {policy.mode} never lets act"
            report.add("W453", top.mark_of("actions"), f"actions.entry_{side}", text)
        elif f"exit_{side}" in used and f"entry_{side}" not in used:
            text = f"found exit_{side}, of a side that this Play never enters"
            report.add("W453", top.mark_of("actions"), f"actions.exit_{side}", text)
    sides = [
        side
        for side, allowed in (("long", policy.allows_long), ("short", policy.allows_short))
        if allowed and f"entry_{side}" in used
    ]
    if risk.stop is None:
        report.add("W501", top.mark, "", "found no stop: modes with real positions refuse this Play")
    if isinstance(risk.stop, LevelStop):
        _check_level_stop(risk.stop, sides, top, report)
    exits: list[str] = [name for name in _EXITS if name in used]
    if policy.exit_mode == "sl_tp_only":
        _check_stop_and_target_only(policy, risk, exits, top, report)
        return
    for side in sides:
        _check_side(side, sections, bool({f"exit_{side}", "exit_all"} & set(exits)), top, report)


def _check_level_stop(stop: LevelStop, sides: list[str], top: Section, report: Report) -> None:
    for side in sides:
        if (stop.long if side == "long" else stop.short) is None:
            name = "risk_model" if top.has("risk_model") else "risk"
            text = f"found no level for the {side} side, which is entered, expected a reference"
            report.add("E103", top.mark_of(name), f"{name}.stop_loss.{side}", text)


def _place_of_exit_mode(top: Section) -> Mark:
    """Where the mode is written; where it is not, the section, or else the actions that it is about."""
    policy = top.item("position_policy")
    mode = policy.get("exit_mode") if isinstance(policy, Map) else None
    return mode.mark if mode is not None else top.mark_of("position_policy" if policy is not None else "actions")


def _check_stop_and_target_only(policy: Policy, risk: Risk, exits: list[str], top: Section, report: Report) -> None:
    where, path = _place_of_exit_mode(top), "position_policy.exit_mode"
    default = "" if top.section_has("position_policy", "exit_mode") else ", the default,"
    missing = [name for name, level in (("stop", risk.stop), ("target", risk.target)) if level is None]
    if missing:
        text = f"found exit_mode sl_tp_only{default} without {' and '.join(missing)}, expected a stop and a target"
        report.add("E502", where, path, f"{text}, or exit_mode signal or first_hit")
    extra = [*exits, *(["time_exit_bars"] if policy.time_exit_bars is not None else [])]
    if extra:
        text = f"found exit_mode sl_tp_only{default} beside {', '.join(extra)}, which could never act"
        report.add("E502", where, path, f"{text}, expected exit_mode first_hit")


def _check_side(side: str, sections: Sections, has_exit: bool, top: Section, report: Report) -> None:
    policy, risk, account = sections.policy, sections.risk, sections.account
    where, path = _place_of_exit_mode(top), "position_policy.exit_mode"
    closes = [has_exit, risk.stop is not None, policy.time_exit_bars is not None]
    if policy.exit_mode == "first_hit":
        closes.append(risk.target is not None)
    if not any(closes):
        written = top.section_has("account", "risk_per_trade_pct")
        no_risk = not (top.has("risk") or top.has("risk_model"))
        if no_risk and (account.max_drawdown_pct < 100 or written):
            report.add("W503", where, path, f"found no exit for a {side}: only the drawdown rule or liquidation ends it")
            return
        levels = "a stop, a target" if policy.exit_mode == "first_hit" else "a stop"
        needed = f"expected exit_{side}, exit_all, {levels} or time_exit_bars"
        report.add(
            "E503", where, path, f"found no way to close a {side}: a {side} could never be closed by this Play, {needed}"
        )
    elif policy.exit_mode == "signal" and not has_exit:
        report.add("W503", where, path, f"found no exit action for a {side} in exit_mode signal")
