"""
Keys that somebody may expect and that this version does not have: each is refused with what holds in its place.

Nobody is to believe that a limit is watched which is not; nor to be told of a misspelling where there is none.
"""

from typing import Final

from playd.settings.toml_lines import Path

_ONE_WAY: Final = "positions are one-way, and one instance has its symbol on its account for itself"
_NO_RAMP: Final = "after a halt entries have their whole size again at once"
_NO_SHORTFALL: Final = "what an execution costs against the quote stops nobody"
_NO_CLUSTERS: Final = "symbols are bounded one by one and all together (risk.symbol_pct, gross_pct, net_pct), not in groups"
_NO_RELOAD: Final = "a running instance keeps its Play; another one is added beside it or after it"
_QUALITY: Final = "every closed bar is looked at as it comes; gaps and corrections are repaired"
_ROUTES: Final = "what a route hears is said by globs over `kinds` and `scopes`"
_SOCKET: Final = "the socket belongs to the user that the daemon runs as, and to nobody else"

UNSUPPORTED: Final[dict[tuple[str, str], str]] = {
    ("daemon", "profile"): "one daemon has one state directory (daemon.state_dir); a second one has another",
    ("accounts", "allow_withdrawal_key"): "a key that may move funds is refused: make one that may trade and nothing else",
    ("accounts", "trade_url"): "orders go by REST",
    ("accounts", "position_mode"): _ONE_WAY,
    ("instances", "sharing"): _ONE_WAY,
    ("instances", "capital_step"): "real money begins at step micro, all else is at full",
    ("instances", "twin"): "a shadow of an instance is an instance of its own, with mode shadow",
    ("market", "recorded_dir"): "a recorded market is one file, market.recorded_file",
    ("market", "align_wait_ms"): "bars of slower clocks are made of the base bars, and nothing waits for them",
    ("market", "quality_check_every_bars"): _QUALITY,
    ("market", "quality_jump_atr"): _QUALITY,
    ("orders", "stall_s"): "a resting entry ends as its Play says",
    ("orders", "trade_stream"): "orders go by REST",
    ("risk", "clusters"): _NO_CLUSTERS,
    ("risk", "cluster_pct"): _NO_CLUSTERS,
    ("risk", "cluster_correlation"): _NO_CLUSTERS,
    (
        "risk",
        "delist_exit_h",
    ): "a symbol that is delivered soon takes no entries (risk.delist_no_entry_h); its position is left alone",
    ("risk", "max_loss_streak"): "losses are bounded by their sum ([breakers]), not by how many come in a row",
    ("breakers", "rejects_in_row"): "what a refusal leads to hangs on its code, not on how many come in a row",
    ("breakers", "shortfall_bps"): _NO_SHORTFALL,
    ("breakers", "fill_rate_min_pct"): _NO_SHORTFALL,
    ("breakers", "resume_size_pct"): _NO_RAMP,
    ("breakers", "resume_ramp_h"): _NO_RAMP,
    ("breakers", "hysteresis_min"): "a pause that a figure raised ends when the figure is below its limit again",
    ("halt", "on_manual_change"): "what a hand changes at the venue always pauses the symbol",
    ("reload", "rehearsal_bars"): _NO_RELOAD,
    ("reload", "position_policy"): _NO_RELOAD,
    ("incidents", "ack_halt_min"): "an incident that nobody acknowledges is said again (ack_repeat_min), and halts nothing",
    ("incidents", "ticket"): "tickets are opened by the program of a route, see alerts.routes",
    ("alerts", "modes"): _ROUTES,
    ("alerts", "instances"): _ROUTES,
    ("alerts", "group_s"): "an incident is one however often it shows, and is said again by incidents.ack_repeat_min",
    ("alerts", "deadman_url"): "whether the daemon lives is asked at /livez and told by the guardian",
    ("alerts", "digest_at"): "nothing is sent by the day; playctl pnl and playctl slo say how one was",
    ("control", "group"): _SOCKET,
    ("control", "view_group"): _SOCKET,
}
"""By section and key; where a table has a name (`accounts.NAME.…`), that is left out."""


def instead_of(path: Path) -> str | None:
    """What holds in place of a key, or of a table, that this version does not have; None for one that nobody ever named."""
    if len(path) == 1:
        return next((text for (section, _), text in UNSUPPORTED.items() if section == path[0]), None)
    # `accounts.NAME.risk` holds keys of `risk`: these are looked for by the table that they stand in, too.
    return UNSUPPORTED.get((path[0], path[-1])) or UNSUPPORTED.get((path[-2], path[-1]))
