"""
The settings: every key of this version, with default, unit, range and meaning.

`config/playd.toml` and the JSON Schema are written from here, and a test fails when a key is read by nobody.
"""

from decimal import Decimal
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import Field

from playd.core.modes import Environment, Mode
from playd.settings.fields import Exact, Factor, OptionalPath, Seconds, Section, Whole, key

INSTANCE_NAME = r"^[a-z0-9][a-z0-9-]{0,31}$"
"""Names of instances and accounts: they appear in paths, labels and commands."""

QUIET_HOURS = r"^(|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)$"
"""`22:00-06:00`, or nothing."""


class MarketSource(StrEnum):
    """Where the local exchange takes its candles from."""

    SYNTHETIC = "synthetic"
    RECORDED = "recorded"


class Daemon(Section):
    """The process."""

    live: bool = key(False, "Whether accounts with real money may be opened at all.", file_only=True)
    state_dir: OptionalPath = key(None, "Ledger, journal, instance states. Default: the service's directory, else `state`.")
    run_dir: OptionalPath = key(None, "Control socket. Default: the service's directory, else `run` below the state.")
    stop_budget_s: Seconds = key(25.0, "How long a stop may take before it counts as failed.", unit="s", lo=5, hi=120)
    ballast: bool = key(True, "Hold 64 MiB back for the moment when the disk is full.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = key("INFO", "Least level that is logged.")


class Account(Section):
    """One key at one venue, or a wallet on the local exchange."""

    environment: Environment = key(..., "Universe of the key: local, demo, testnet or live.", file_only=True)
    expected_uid: str = key("", "UID the venue must name for this key; required for live.", file_only=True)
    credential_file: OptionalPath = key(
        None, "File with `api_key=…` and `api_secret=…`. Default: the service's credential `bybit-<alias>`.", file_only=True
    )
    region: str = key("global", "Where a live account was opened; its REST host follows from it.", file_only=True)
    rest_url: str = key("", "REST address instead of the environment's own.", file_only=True)
    public_url: str = key("", "Public stream instead of the environment's own.", file_only=True)
    private_url: str = key("", "Private stream instead of the environment's own.", file_only=True)
    allow_unbound_key: bool = key(False, "Accept a live key that is not bound to addresses.", file_only=True)
    leverage: Exact = key(Decimal(3), "Leverage set at the venue for each symbol.", unit="×", lo=1, hi=10, file_only=True)
    capital_usd: Exact = key(Decimal(10_000), "First wallet of a local account.", unit="USD", lo=1, file_only=True)


class Instance(Section):
    """One Play, running."""

    play: PurePath = key(..., "The Play's file; relative names start at the configuration directory.", file_only=True)
    mode: Mode = key(..., "shadow, paper, demo or live.", file_only=True)
    account: str = key("", "Alias of the account; may be left out when only one fits the mode.", file_only=True)
    enabled: bool = key(True, "Whether it starts with the daemon.", file_only=True)


class Market(Section):
    """Candles: of the local exchange, and how late a live one may be."""

    source: MarketSource = key(MarketSource.SYNTHETIC, "Candles of the local exchange: synthetic or recorded.")
    recorded_file: OptionalPath = key(
        None, "Parquet file of one-minute candles; relative names start at the working directory."
    )
    recorded_reference_file: OptionalPath = key(
        None, "The same of a second symbol, for Plays that read one; the names of both files begin with their symbols."
    )
    synthetic_seed: Whole = key(
        8,
        "Seed of the synthetic market; the same seed gives the same candles. 8 trades within the first minutes.",
        lo=0,
        hi=2**31 - 1,
    )
    speed: Factor = key(60.0, "Market minutes per real minute on the local exchange.", unit="×", lo=1, hi=100_000)
    late_fetch_s: Seconds = key(10.0, "A closed bar this late is fetched by REST.", unit="s", lo=2, hi=60)
    stale_s: Seconds = key(30.0, "A closed bar this late makes the feed stale.", unit="s", lo=10, hi=300)


class Streams(Section):
    """WebSocket connections to the venue."""

    ping_s: Seconds = key(20.0, "Time between heartbeats.", unit="s", lo=5, hi=60)
    dead_s: Seconds = key(45.0, "Silence after which a connection counts as dead.", unit="s", lo=15, hi=120)
    backoff_min_s: Seconds = key(0.5, "First wait before connecting again; doubles, with jitter.", unit="s", lo=0.1, hi=5)
    backoff_max_s: Seconds = key(30.0, "Longest wait before connecting again.", unit="s", lo=5, hi=60)
    connects_per_min: Whole = key(20, "Most connects per minute and host.", lo=5, hi=60)
    poll_s: Seconds = key(5.0, "Time between polls while the private stream is down.", unit="s", lo=2, hi=30)


class Supervisor(Section):
    """Instances: how many, and what happens when one crashes."""

    max_instances: Whole = key(50, "Most instances of all modes.", lo=1, hi=500)
    restart_max: Whole = key(3, "More restarts than this within the window: quarantine.", lo=0, hi=10)
    restart_window_s: Seconds = key(900.0, "Window of restart_max.", unit="s", lo=60, hi=3600)
    backoff_s: Annotated[tuple[Seconds, ...], Field(min_length=1)] = key(
        (1.0, 5.0, 25.0), "Waits before the first, second, … restart; the last one repeats.", unit="s"
    )
    cooldown_s: Seconds = key(15.0, "Entries wait this long after a crash.", unit="s", lo=15, hi=600)
    decision_budget_ms: Whole = key(50, "A bar that takes longer to compute is a warning.", unit="ms", lo=5, hi=1000)


class Orders(Section):
    """The order path, protection included."""

    never_arrived_after_s: Seconds = key(
        60.0, "Least age of a doubtful order that may be found absent.", unit="s", lo=30, hi=600
    )
    entry_band_bps: Exact = key(
        Decimal(20), "How far beyond the best opposite price an entry may pay.", unit="bps", lo=1, hi=100
    )
    exit_tolerance_pct: Annotated[tuple[Exact, ...], Field(min_length=1)] = key(
        (Decimal("0.3"), Decimal(1), Decimal(3)), "Slippage of an exit, step by step; after the last one none is set.", unit="%"
    )
    exit_rung_s: Seconds = key(3.0, "Time of one step of exit_tolerance_pct.", unit="s", lo=1, hi=10)
    fat_finger_pct: Exact = key(Decimal(2), "Farthest from mark an entry may be priced.", unit="%", lo=Decimal("0.1"), hi=5)
    fill_check_s: Seconds = key(
        10.0, "Position and stop are verified at the venue this soon after a fill.", unit="s", lo=5, hi=10
    )
    on_unprotectable: Literal["flatten", "alarm"] = key("flatten", "What to do with a position that accepts no stop.")
    naked_repair_s: Seconds = key(2.0, "Age of a position without stop when it is repaired.", unit="s", lo=1, hi=60)
    naked_halt_s: Seconds = key(5.0, "Age of a position without stop when the symbol is halted.", unit="s", lo=1, hi=60)
    naked_guardian_s: Seconds = key(
        15.0, "Age of a position without stop when the guardian repairs it, beside a living daemon.", unit="s", lo=1, hi=60
    )
    naked_act_s: Seconds = key(
        30.0, "Age of a position without stop, or with a silent one, when on_unprotectable acts.", unit="s", lo=1, hi=60
    )
    fallback_stop_pct: Exact = key(
        Decimal(3), "Distance of a stop when nobody knows a better one.", unit="%", lo=Decimal("0.5"), hi=10
    )


class Gates(Section):
    """What refuses an entry."""

    entry_max_age_s: Seconds = key(30.0, "An entry decided longer ago is dropped.", unit="s", lo=5, hi=3600)
    quote_max_age_s: Seconds = key(2.0, "Oldest quote an entry may be priced on.", unit="s", lo=0.5, hi=10)
    max_spread_bps: Exact = key(Decimal(15), "Widest bid-ask spread an entry may meet.", unit="bps", lo=1, hi=200)
    max_mark_divergence_pct: Exact = key(
        Decimal(1), "Largest difference of last and mark price at an entry.", unit="%", lo=Decimal("0.1"), hi=5
    )
    max_adverse_funding_pct_day: Exact = key(
        Decimal("0.3"), "Most funding an entry may have to pay per day.", unit="% of notional", lo=Decimal("0.01"), hi=5
    )
    guardian_max_age_s: Seconds = key(
        10.0, "Entries of real money are refused when the guardian was last heard longer ago.", unit="s", lo=5, hi=60
    )
    equity_max_age_s: Seconds = key(120.0, "Oldest wallet reading that allows an entry.", unit="s", lo=30, hi=600)


class Guardian(Section):
    """The second process. Its numbers travel to it in the plan that the daemon writes."""

    required_for_live: bool = key(True, "Refuse entries of real money while the guardian is not heard.", file_only=True)
    check_s: Seconds = key(
        5.0, "Time between two readings while something is open; six times as long while flat.", unit="s", lo=1, hi=30
    )
    dead_after_s: Seconds = key(10.0, "Silence after which the daemon counts as dead.", unit="s", lo=2, hi=60)
    cancel_entries_after_s: Seconds = key(
        60.0, "A daemon dead for this long has its resting entries cancelled.", unit="s", lo=5, hi=600
    )
    flatten_after_s: Seconds = key(
        0.0, "A daemon dead for this long has its positions closed; 0 means never.", unit="s", lo=0, hi=86_400
    )


class Risk(Section):
    """Caps on new risk. On accounts of the local exchange only those hold that are written here, so that backtests agree."""

    micro_order_usd: Exact = key(Decimal(75), "Largest notional of one entry; a larger one is cut.", unit="USD", lo=1)
    hard_order_usd: Exact = key(Decimal(5000), "Notional above which an entry is refused, whatever cut it.", unit="USD", lo=1)
    risk_per_trade_pct: Exact = key(
        Decimal(2), "Loss at the stop, fees and slippage included; more is cut.", unit="% of equity", lo=Decimal("0.01"), hi=5
    )
    notional_per_trade_pct: Exact = key(Decimal(20), "Notional of one entry; more is cut.", unit="% of equity", lo=1, hi=100)
    margin_per_trade_pct: Exact = key(Decimal(10), "Margin of one entry; more is cut.", unit="% of equity", lo=1, hi=50)
    slippage_allowance_bps: Exact = key(Decimal(10), "Slippage that a loss at the stop is reckoned with.", unit="bps", lo=0)
    week_notional_pct: Exact = key(Decimal(600), "Notional opened in seven days.", unit="% of equity", lo=1)
    gross_pct: Exact = key(Decimal(150), "Positions and working entries of all symbols.", unit="% of equity", lo=1)
    net_pct: Exact = key(Decimal(100), "The larger side of positions and working entries.", unit="% of equity", lo=1)
    symbol_pct: Exact = key(Decimal(40), "Position and working entries of one symbol.", unit="% of equity", lo=1)
    max_leverage: Exact = key(Decimal(3), "Largest leverage at the venue at which a symbol is entered.", unit="×", lo=1, hi=10)
    max_positions: Whole = key(10, "Symbols with a position or a working entry.", lo=1, hi=20)
    liquidation_safety: Exact = key(
        Decimal("0.5"), "Part of the way to liquidation that a stop may lie away.", lo=Decimal("0.1"), hi=Decimal("0.8")
    )
    delist_no_entry_h: Whole = key(72, "No entry this long before a symbol is delivered.", unit="h", lo=0)
    micro_day_usd: Exact = key(Decimal(1000), "Notional opened per UTC day and account.", unit="USD", lo=1)
    micro_day_orders: Whole = key(20, "Entries per UTC day and account.", lo=1, hi=5000)
    entries_per_hour_instance: Whole = key(12, "Entries per hour and instance.", lo=1, hi=1000)
    entries_per_hour_account: Whole = key(60, "Entries per hour and account.", lo=1, hi=1000)


class Breakers(Section):
    """
    When an account stops by itself, by the balance as the venue states it. Deposits and withdrawals are no results.

    On accounts of the local exchange only those hold that are written here.
    """

    day_pause_pct: Exact = key(
        Decimal(2), "Loss since 00:00 UTC that pauses entries until the next day.", unit="% of equity", lo=Decimal("0.1")
    )
    day_halt_pct: Exact = key(Decimal(3), "Loss since 00:00 UTC that halts the account.", unit="% of equity", lo=Decimal("0.1"))
    fast_fall_pct: Exact = key(
        Decimal("1.5"), "Fall from the peak of the window that halts the account.", unit="% of equity", lo=Decimal("0.1")
    )
    fast_fall_window_s: Seconds = key(900.0, "Window of fast_fall_pct.", unit="s", lo=60, hi=86_400)
    account_drawdown_pct: Exact = key(Decimal(10), "Fall from the highest equity that halts the account.", unit="%", lo=1)
    instance_drawdown_pct: Exact = key(
        Decimal(10), "Loss that halts one instance, its open position included.", unit="% of its capital", lo=1
    )
    im_rate: tuple[Exact, Exact] = key(
        (Decimal("0.60"), Decimal("0.80")), "Initial margin rates that pause and halt the account.", unit="ratio"
    )
    mm_rate: tuple[Exact, Exact] = key(
        (Decimal("0.50"), Decimal("0.70")), "Maintenance margin rates that pause and halt the account.", unit="ratio"
    )


class Recon(Section):
    """Comparing our books with the venue's."""

    orders_interval_s: Seconds = key(120.0, "Time between comparisons of open orders.", unit="s", lo=30, hi=120)
    positions_interval_s: Seconds = key(300.0, "Time between comparisons of positions.", unit="s", lo=30, hi=300)
    blind_pause_s: Seconds = key(15.0, "Failing reads for this long pause entries.", unit="s", lo=5, hi=60)
    blind_halt_s: Seconds = key(60.0, "Failing reads for this long halt the account.", unit="s", lo=15, hi=600)
    repairs_symbol_hour: Whole = key(3, "Repairs per symbol and hour before a person must look.", lo=1, hi=100)
    repairs_account_hour: Whole = key(10, "Repairs per account and hour before a person must look.", lo=1, hi=100)


class Journal(Section):
    """The chained record of everything that happened."""

    segment_mib: Whole = key(64, "A file this large is closed and continued in the next.", unit="MiB", lo=1, hi=1024)
    sync_ms: Whole = key(100, "Records are on the medium at most this much later.", unit="ms", lo=10, hi=500)
    keep_days: Whole = key(
        400, "Closed files older than this are removed, which is recorded; packed after a week.", unit="days", lo=31, hi=3650
    )


class Ledger(Section):
    """The book of orders, `ledger.sqlite` in the state directory."""

    keep_days: Whole = key(400, "Verdicts and order events older than this move to `archive/`.", unit="days", lo=31, hi=3650)


class Disk(Section):
    """Free space of the state directory."""

    warn_mib: Whole = key(2048, "Less than this is a warning.", unit="MiB", lo=1)
    pause_mib: Whole = key(1024, "Less than this pauses all entries.", unit="MiB", lo=1)
    halt_mib: Whole = key(256, "Less than this halts everything new.", unit="MiB", lo=1)


class Backup(Section):
    """Copies of ledger and states, in `backup/` of the state directory."""

    every_min: Whole = key(60, "Time between two backups; 0 makes none.", unit="min", lo=0, hi=10_080)
    keep_hourly: Whole = key(48, "How many of the newest are kept.", lo=1, hi=1000)
    keep_daily: Whole = key(30, "Of how many days the newest one is kept.", lo=0, hi=1000)
    command: str = key("", "Program that carries each one away; the backup's folder becomes its last word.", file_only=True)


class Http(Section):
    """Health and metrics for other programs, read only: /livez, /readyz, /healthz, /metrics."""

    listen: str = key("127.0.0.1:9707", "Address and port; port 0 takes a free one, an empty text serves nothing.")
    token_credential: OptionalPath = key(
        None,
        "File with a token that every request must bear; needed for other than loopback addresses."
        " Default: the service's credential `http-token`.",
        file_only=True,
    )


class AlertRoute(Section):
    """One way by which people are told, an element of `alerts.routes`."""

    name: Annotated[str, Field(pattern=INSTANCE_NAME)]
    credential: OptionalPath = None
    command: tuple[str, ...] = ()
    min_severity: Literal["warning", "critical"] = "warning"
    kinds: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    quiet_hours: Annotated[str, Field(pattern=QUIET_HOURS)] = ""
    backup_only: bool = False


class Alerts(Section):
    """Who is told of incidents, and how."""

    routes: tuple[AlertRoute, ...] = key(
        (),
        "Tables { name, credential or command, min_severity, kinds, scopes, quiet_hours, backup_only }. `credential` is a file"
        " with an http or https address that gets each alert as JSON (default: the service's credential `alerts-<name>`);"
        " `command` is a program and its arguments that gets it as text on its standard input. `kinds` and `scopes` are globs;"
        " `quiet_hours`, such as 22:00-06:00 UTC, hold warnings back; `backup_only` is used when the others have failed.",
        file_only=True,
    )
    repeat_min: Whole = key(
        5, "A critical incident that nobody acknowledged is said again this often.", unit="min", lo=1, hi=60
    )
    second_min: Whole = key(
        15, "Unacknowledged for this long, it goes to routes with backup_only too.", unit="min", lo=1, hi=240
    )


class Log(Section):
    """Log lines on standard error."""

    format: Literal["auto", "json", "text"] = key("auto", "JSON lines or aligned text; auto means text on a terminal.")


class Settings(Section):
    """Everything an operator may set, complete and consistent."""

    daemon: Daemon = Daemon()
    market: Market = Market()
    streams: Streams = Streams()
    supervisor: Supervisor = Supervisor()
    orders: Orders = Orders()
    gates: Gates = Gates()
    guardian: Guardian = Guardian()
    risk: Risk = Risk()
    breakers: Breakers = Breakers()
    recon: Recon = Recon()
    journal: Journal = Journal()
    ledger: Ledger = Ledger()
    disk: Disk = Disk()
    backup: Backup = Backup()
    http: Http = Http()
    alerts: Alerts = Alerts()
    log: Log = Log()
    accounts: dict[Annotated[str, Field(pattern=INSTANCE_NAME)], Account] = Field(default_factory=dict)
    instances: dict[Annotated[str, Field(pattern=INSTANCE_NAME)], Instance] = Field(default_factory=dict)
