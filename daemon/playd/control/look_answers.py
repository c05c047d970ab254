"""What the methods answer that show instances, positions, orders, fills, wallets and halts."""

from typing import Any, Literal

from typing_extensions import TypedDict

from playd.control.answer_parts import Amount, Figure, Head, Mode, Reason, Seconds, Side, Time
from playd.control.arming_answers import Permission


class Hello(TypedDict):
    """Who answers. `mode_ceiling` is the most that an instance may be here."""

    protocol: int
    version: str
    daemon_id: str
    role: Literal["operate", "view"]
    mode_ceiling: Mode
    journal_head: Head


class VerdictInShort(TypedDict):
    """The newest decision; `next_possible` from when on the same entry may pass, where that is known."""

    time: Time
    verdict: str
    detail: str
    next_possible: Time | None


class Comparison(TypedDict):
    """The newest comparison with a backtest."""

    same: bool
    age_s: Seconds


class StatusRow(TypedDict):
    """One instance at a glance."""

    name: str
    uid: str
    mode: Mode
    state: str
    reasons: list[Reason]
    symbol: str
    position: Figure
    upnl: Figure
    day: Figure
    drawdown: Figure
    stop_at_venue: Figure
    bar_age_s: Seconds | None
    feed_age_s: Seconds | None
    restarts: int
    account: str
    play_digest: str
    play_digest_short: str
    capital_step: str
    unresolved: int | None
    shortfall: Figure
    parity: Comparison | None
    memory_bytes: int | None
    trades: int
    last_verdict: VerdictInShort | None


class GravestHalt(TypedDict):
    """The gravest level in force anywhere."""

    level: int
    scope: str
    code: str


class IncidentCount(TypedDict):
    """How many go on, and how many critical ones nobody has seen."""

    open: int
    critical_unseen: int


class Guardian(TypedDict):
    """Seconds since the guardian answered, and why it cannot be counted on; empty while it can."""

    age_s: Seconds | None
    missing: str


class WaiverRow(TypedDict):
    """A check of readiness that counts as passed until a time."""

    check: str
    reason: str
    until: Time


class AccountLine(TypedDict):
    """One account; `not_ready` is why it takes no entries, empty when it does."""

    alias: str
    environment: str
    not_ready: str


class Rates(TypedDict):
    """Percent used of the present window's rate limits: the most, and by account and address."""

    rate_used_pct: int
    rates_used_pct: dict[str, int]


class DaemonLine(Rates):
    """The daemon itself. Offsets and round trips are milliseconds."""

    version: str
    daemon_id: str
    uptime_s: Seconds | None
    ready: bool
    step: str
    counts: dict[str, int]
    market_time: Time | None
    halt_level: int
    gravest_halt: GravestHalt | None
    recon_age_s: Seconds | None
    repairs_today: int
    clock_offset_ms: float | None
    venue_ms: float | None
    incidents: IncidentCount
    guardian: Guardian
    journal_head: Head
    waivers: list[WaiverRow]
    accounts: list[AccountLine]


class Status(TypedDict):
    """`healthy` is false before the daemon is ready, and while an instance that is shown is not well."""

    healthy: bool
    daemon: DaemonLine
    instances: list[StatusRow]


class ListRow(TypedDict):
    """One instance and what it runs."""

    name: str
    uid: str
    mode: Mode
    account: str
    symbol: str
    state: str
    reasons: list[Reason]
    enabled: bool
    play_path: str
    play_digest: str
    play_digest_short: str
    created: Time
    declared: bool
    desired: str


class InstanceRecordRow(ListRow):
    """The same, with who declared it."""

    source: str
    capital_usd: str
    sharing: str


class WarmUp(TypedDict):
    """The first candle that an instance was fed and its newest bar; `-` before there is one."""

    anchor: str
    last_bar: str
    warm: bool


class PositionRow(TypedDict):
    """One share of a position: what the venue says beside what the ledger books."""

    account: str
    mode: Mode
    symbol: str
    side: Side
    qty: Figure
    entry: Figure
    mark: Figure
    upnl: Figure
    stop: Figure
    stop_bps: Figure
    liq: Figure
    owner: str
    ledger: Figure
    diff: Figure
    protected: bool | None
    age_s: Seconds | None


class OrderRow(TypedDict):
    """One order of the ledger."""

    link_id: str
    account: str
    mode: Mode
    symbol: str
    side: str
    type: str
    action: str | None
    qty: Figure
    filled: Figure
    price: Figure
    trigger: Figure
    state: str
    protective: bool
    venue_order_id: str
    age_s: Seconds | None
    owner: str


class Orders(TypedDict):
    """One page; `cursor` asks for the next one, null on the last."""

    rows: list[OrderRow]
    cursor: str | None


class FillRow(TypedDict):
    """One execution, of a venue or computed."""

    n: int
    time: Time
    received: Time
    account: str
    mode: Mode
    symbol: str
    side: str
    qty: Figure
    price: Figure
    fee: Figure
    type: str
    link_id: str
    owner: str
    source: str
    reason: str | None


class Fills(TypedDict):
    """One page; `cursor` asks for the next one, null on the last."""

    rows: list[FillRow]
    cursor: str | None


class BalanceRow(TypedDict):
    """The wallet of an account as the venue last stated it."""

    account: str
    mode: Mode
    environment: str
    uid: str
    equity: Figure
    available: Figure
    im_rate: Figure
    mm_rate: Figure
    not_ready: str
    age_s: Seconds | None


class HaltRow(TypedDict):
    """One halt in force. `cause` says whether its cause goes on, or that a person is the cause, or that nobody can say."""

    scope: str
    level: int
    code: str
    actor: str
    text: str
    raised: Time
    age_s: Seconds | None
    ends: Time | None
    still_holds: bool
    cause: str


class Lifted(TypedDict):
    """
    What was lifted, and what over the same scope is still in force. `stay_stopped` are instances that a panic had stopped: no
    level holds them any more, and a person starts them.
    """

    scope: str
    lifted_level: int
    still_in_force: list[HaltRow]
    stay_stopped: list[str]


class Resolving(TypedDict):
    """How often the resolver has asked about an order in doubt, and what comes next; null for one without doubt."""

    round: int | None
    next: str | None


class IntentRow(Resolving):
    """A decision to trade, and what became of it."""

    id: str
    instance: str
    action: str
    state: str
    age_s: Seconds | None
    reason: str


class VerdictRow(TypedDict):
    """What became of one closed bar."""

    time: Time
    verdict: str
    detail: str


class PipelineRow(TypedDict):
    """One gate with the codes it refuses with, what bounds it here, and where that was set; null while nobody knows."""

    n: int
    gate: str
    codes: list[str]
    bounds: dict[str, str] | None
    origins: dict[str, str] | None


class SettingRow(TypedDict):
    """One limit that holds for an instance, and who set it."""

    key: str
    value: str
    origin: str | None


class TradeRow(TypedDict):
    """One closing fill and its share of the position, as the engine of an instance booked it."""

    trade_id: int
    part: int
    symbol: str
    side: Side
    entered: Time
    left: Time
    entry_price: Amount
    exit_price: Amount
    qty: Amount
    notional_usdt: Amount
    exit_reason: str
    gross_pnl_usdt: Amount
    fees_usdt: Amount
    funding_usdt: Amount
    net_pnl_usdt: Amount
    pnl_pct: Amount
    stop_loss: Amount | None
    take_profit: Amount | None
    stop_loss_at_exit: Amount | None
    take_profit_at_exit: Amount | None
    bars_held: int
    mae_pct: Amount
    mfe_pct: Amount
    decided: Time
    exit_decided: Time | None
    entry_rule: str
    entry_clauses: list[str]
    metadata: dict[str, Any]
    exit_rule: str
    exit_clauses: list[str]
    exit_metadata: dict[str, Any]


class Instance(TypedDict):
    """Everything about one instance. `limits` names the limits that hold, as intents have it on record."""

    record: InstanceRecordRow
    state: str
    reasons: list[Reason]
    status: StatusRow
    warmup: WarmUp
    positions: list[PositionRow]
    orders: list[OrderRow]
    intents: list[IntentRow]
    verdicts: list[VerdictRow]
    trades: list[TradeRow]
    pipeline: list[PipelineRow]
    settings: list[SettingRow]
    limits: str | None
    arming: Permission | None
    next_action: str


class Following(TypedDict):
    """Id of a subscription, which its messages bear."""

    id: str
