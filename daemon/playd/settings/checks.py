"""What no single key can show: settings that contradict each other."""

import difflib
from collections.abc import Collection, Iterator
from typing import Final

from playd.core.modes import Environment, Mode
from playd.core.objectives import BY_NAME
from playd.settings.model import Account, Instance, MarketSource, Settings, Slo
from playd.settings.toml_lines import Path
from playd.settings.variables import Ceiling
from playd.settings.words import OWN_ACCOUNTS, TAKEN

Finding = tuple[Path, str]
"""The key that is at fault and what is wrong with it."""

ENVIRONMENTS: Final[dict[Mode, tuple[Environment, ...]]] = {
    Mode.SHADOW: (),
    Mode.PAPER: (Environment.LOCAL,),
    Mode.DEMO: (Environment.DEMO, Environment.TESTNET),
    Mode.LIVE: (Environment.LIVE,),
}
"""Which accounts an instance of a mode may trade on. Shadow has none, backtest is no mode of an instance."""


def contradictions(settings: Settings, ceiling: Ceiling, by_pairs: Collection[str] = ()) -> Iterator[Finding]:
    """
    Every contradiction, in the order of the file. What an account of a key pair (`by_pairs`) lacks refuses that account when it
    is opened, and not the start.
    """
    yield from _ladders(settings)
    if settings.market.source is MarketSource.RECORDED and settings.market.recorded_file is None:
        yield ("market", "recorded_file"), "is missing, and market.source is recorded"
    if settings.market.recorded_reference_file is not None and settings.market.source is not MarketSource.RECORDED:
        yield ("market", "recorded_reference_file"), f"is set, and market.source is {settings.market.source}"
    if (extra := settings.halt.extra_file) is not None and not extra.is_absolute():
        yield ("halt", "extra_file"), "must be a whole path, which begins with /"
    names = [route.name for route in settings.alerts.routes]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        yield ("alerts", "routes"), f"{', '.join(doubled)} is the name of more than one route"
    for figure, limits in settings.slo.items():
        yield from _objective(figure, limits)
    for alias, account in settings.accounts.items():
        if begin := next((each for each in OWN_ACCOUNTS if alias.startswith(each)), ""):
            yield ("accounts", alias), f"begins like the own account of an instance ({begin}UID); another name is expected"
        if alias not in by_pairs:
            yield from _account(alias, account)
    yield from _one_user_twice(settings)
    for name, instance in settings.instances.items():
        yield from _instance(settings, ceiling, name, instance)


def _ladders(settings: Settings) -> Iterator[Finding]:
    orders, disk, streams, recon = settings.orders, settings.disk, settings.streams, settings.recon
    if not orders.naked_repair_s < orders.naked_halt_s < orders.naked_guardian_s < orders.naked_act_s:
        yield ("orders", "naked_halt_s"), "naked_repair_s, naked_halt_s, naked_guardian_s and naked_act_s must rise"
    if not disk.warn_mib > disk.pause_mib > disk.halt_mib:
        yield ("disk", "pause_mib"), "warn_mib, pause_mib and halt_mib must fall"
    if streams.dead_s <= streams.ping_s:
        yield ("streams", "dead_s"), f"must be above ping_s ({streams.ping_s:g} s)"
    if streams.alert_critical_s <= streams.alert_warn_s:
        yield ("streams", "alert_critical_s"), f"must be above alert_warn_s ({streams.alert_warn_s:g} s)"
    if settings.clock.stop_ms <= settings.clock.warn_ms:
        yield ("clock", "stop_ms"), f"must be above warn_ms ({settings.clock.warn_ms} ms)"
    if recon.blind_halt_s <= recon.blind_pause_s:
        yield ("recon", "blind_halt_s"), f"must be above blind_pause_s ({recon.blind_pause_s:g} s)"
    breakers = settings.breakers
    if breakers.day_halt_pct <= breakers.day_pause_pct:
        yield ("breakers", "day_halt_pct"), f"must be above day_pause_pct ({breakers.day_pause_pct} %)"
    for name, rates in (("im_rate", breakers.im_rate), ("mm_rate", breakers.mm_rate)):
        if rates[1] <= rates[0]:
            yield ("breakers", name), "the rate that halts must be above the one that pauses"


def _objective(figure: str, given: Slo) -> Iterator[Finding]:
    built_in = BY_NAME.get(figure)
    if built_in is None:
        close = difflib.get_close_matches(figure, BY_NAME, 1)
        hint = f"; did you mean {close[0]}?" if close else f"; figures are: {', '.join(BY_NAME)}"
        yield ("slo", figure), f"there is no figure of that name{hint}"
        return
    for name in type(given).model_fields:
        value, limit = getattr(given, name), getattr(built_in, name)
        if value is not None and (value < limit if built_in.low else value > limit):
            bound = f"at {'least' if built_in.low else 'most'} {limit:g} {built_in.unit}"
            yield ("slo", figure, name), f"found {value:g}, expected {bound}: limits may only be tightened"


def _account(alias: str, account: Account) -> Iterator[Finding]:
    if account.environment is not Environment.LIVE:
        return
    if not account.expected_uid:
        yield ("accounts", alias, "expected_uid"), "is required for a live account"


def _one_user_twice(settings: Settings) -> Iterator[Finding]:
    """Two accounts of one user: each would take the other's positions for somebody else's, and its requests for nobody's."""
    of_user: dict[tuple[Environment, str], str] = {}
    for alias, account in settings.accounts.items():
        first = of_user.setdefault((account.environment, account.expected_uid), alias)
        if account.expected_uid and first != alias:
            text = f"found {account.expected_uid}, which is that of account {first}: one user of a venue is one account here"
            yield ("accounts", alias, "expected_uid"), text


def _instance(settings: Settings, ceiling: Ceiling, name: str, instance: Instance) -> Iterator[Finding]:
    here = ("instances", name)
    if name in TAKEN:
        yield here, f"{name} means something else wherever an instance is named; another name is expected"
    if instance.mode not in ENVIRONMENTS:
        yield (*here, "mode"), f"found {instance.mode}, expected shadow, paper, demo or live"
        return
    if instance.mode is Mode.LIVE and ceiling.mode is not Mode.LIVE:
        yield (*here, "mode"), f"is live, and {ceiling.origin} allows demo at most"
    allowed = ENVIRONMENTS[instance.mode]
    account = settings.accounts.get(instance.account)
    if not allowed and instance.account:
        yield (*here, "account"), f"mode {instance.mode} sends no orders, so it takes no account"
    elif allowed and not instance.account:
        yield (*here, "account"), f"is missing: mode {instance.mode} needs an account of environment {' or '.join(allowed)}"
    elif allowed and account is None:
        known = ", ".join(settings.accounts) or "none"
        yield (*here, "account"), f"there is no account {instance.account}; accounts are: {known}"
    elif allowed and account is not None and account.environment not in allowed:
        text = f"mode {instance.mode} needs environment {' or '.join(allowed)}, {instance.account} is {account.environment}"
        yield (*here, "account"), text
