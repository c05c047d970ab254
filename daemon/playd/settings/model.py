"""
The settings: every key of this version, with default, unit, range and meaning.

`config/playd.toml` and the JSON Schema are written from here, and a test fails when a key is read by nobody.
"""

from decimal import Decimal
from enum import StrEnum
from functools import partial
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SerializationInfo, field_serializer

from playd.core.modes import Environment, Mode
from playd.settings.fields import Exact, Factor, OptionalPath, Seconds, Section, Whole, key
from playd.settings.limits_model import Arming, Breakers, Gates, Risk

INSTANCE_NAME = r"^[a-z0-9][a-z0-9-]{0,31}$"
"""Names of instances and accounts: they appear in paths, labels and commands."""

QUIET_HOURS = r"^(|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)$"
"""`22:00-06:00`, or nothing."""


_more: Final = partial(key, live=True, looser="up")
"""A key that takes effect at a reload and whose larger values take more risk."""


class MarketSource(StrEnum):
    """Where the local exchange takes its candles from."""

    SYNTHETIC = "synthetic"
    RECORDED = "recorded"


class Daemon(Section):
    """The process."""

    live: bool = key(
        False, "Whether positions with real money may be opened; without it they are only led out.", file_only=True
    )
    state_dir: OptionalPath = key(None, "Ledger, journal, instance states. Default: the service's directory, else `state`.")
    run_dir: OptionalPath = key(None, "Control socket. Default: the service's directory, else `run` below the state.")
    stop_budget_s: Seconds = key(25.0, "How long a stop may take before it counts as failed.", unit="s", lo=5, hi=120)
    loop_tick_ms: Whole = key(1000, "Time between two looks at kill files, halts and ages of data.", unit="ms", lo=100, hi=5000)
    ballast: bool = key(True, "Hold 64 MiB back for the moment when the disk is full.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = key(
        "INFO", "Least level that is logged; `log.levels` has others for single events."
    )


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
    margin_mode: Literal["", "cross", "isolated"] = key(
        "", "Margin mode that the account must be in at the venue, cross or isolated; empty takes either.", file_only=True
    )
    leverage: Exact = key(Decimal(3), "Leverage set at the venue for each symbol.", unit="×", lo=1, hi=10, file_only=True)
    capital_usd: Exact = key(Decimal(10_000), "First wallet of a local account.", unit="USD", lo=1, file_only=True)
    priced_entries: bool = key(
        False,
        "On the local exchange too, price entries by the quote, as at a venue: they may then differ from the backtest's.",
        file_only=True,
    )
    risk: Risk = key(Risk(), "Keys of [risk] for this account alone: { gross_pct = 90 }. The tightest counts.", file_only=True)

    @property
    def has_key(self) -> bool:
        """Whether it is reached with a key of its own; the others are wallets of the embedded exchange."""
        return self.environment is not Environment.LOCAL or bool(self.rest_url)

    @field_serializer("risk")
    def _written(self, risk: Risk, info: SerializationInfo) -> dict[str, Any]:
        return risk.model_dump(mode=info.mode, exclude_unset=True)


CapitalUsd = Annotated[Annotated[Exact, Field(gt=0)] | None, BeforeValidator(lambda value: None if value == "" else value)]
"""An amount, or an empty text for none."""


class Instance(Section):
    """One Play, running."""

    play: PurePath = key(..., "The Play's file; relative names start at the configuration directory.", file_only=True)
    mode: Mode = key(..., "shadow, paper, demo or live.", file_only=True)
    account: str = key("", "Alias of the account; may be left out when only one fits the mode.", file_only=True)
    enabled: bool = key(True, "Whether it starts with the daemon.", file_only=True)
    capital_usd: CapitalUsd = key(
        None, "What its engine begins with, instead of the Play's own; fixed when it is created.", unit="USD", file_only=True
    )
    risk: Risk = key(Risk(), "Keys of [risk] for this instance alone. The tightest counts.", file_only=True)

    @field_serializer("risk")
    def _written(self, risk: Risk, info: SerializationInfo) -> dict[str, Any]:
        return risk.model_dump(mode=info.mode, exclude_unset=True)


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
    record_keep_days: Whole = key(
        400,
        "Closed bars of a venue's market are recorded in `market/`, and kept this long; 0 records none.",
        unit="days",
        lo=0,
        hi=3650,
    )


class Streams(Section):
    """WebSocket connections to the venue."""

    ping_s: Seconds = key(20.0, "Time between heartbeats.", unit="s", lo=5, hi=60)
    dead_s: Seconds = key(45.0, "Silence after which a connection counts as dead.", unit="s", lo=15, hi=120)
    backoff_min_s: Seconds = key(0.5, "First wait before connecting again; doubles, with jitter.", unit="s", lo=0.1, hi=5)
    backoff_max_s: Seconds = key(30.0, "Longest wait before connecting again.", unit="s", lo=5, hi=60)
    connects_per_min: Whole = key(20, "Most connects per minute and host.", lo=5, hi=60)
    poll_s: Seconds = key(5.0, "Time between polls while the private stream is down.", unit="s", lo=2, hi=30)
    alert_warn_s: Seconds = key(30.0, "A private stream down for this long is a warning.", unit="s", lo=5, hi=600)
    alert_critical_s: Seconds = key(
        120.0, "The same with a position open is critical after this long.", unit="s", lo=10, hi=3600
    )


class Clock(Section):
    """Our clock against the venue's."""

    sample_s: Seconds = key(60.0, "Time between two samples.", unit="s", lo=10, hi=300)
    warn_ms: Whole = key(250, "Distance that is a warning.", unit="ms", lo=50, hi=1000)
    stop_ms: Whole = key(500, "Distance that pauses all entries.", unit="ms", lo=250, hi=1000)
    recv_window_ms: Whole = key(
        5000, "How long after its time stamp the venue may still take a request.", unit="ms", lo=2000, hi=10_000
    )


class Supervisor(Section):
    """Instances: how many, and what happens when one crashes."""

    max_instances: Whole = _more(50, "Most instances of all modes.", lo=1, hi=500)
    max_live_instances: Whole = _more(10, "Most instances with real money.", lo=0, hi=100)
    restart_max: Whole = key(3, "More restarts than this within the window: quarantine.", lo=0, hi=10)
    restart_window_s: Seconds = key(900.0, "Window of restart_max.", unit="s", lo=60, hi=3600)
    backoff_s: Annotated[tuple[Seconds, ...], Field(min_length=1)] = key(
        (1.0, 5.0, 25.0), "Waits before the first, second, … restart; the last one repeats.", unit="s"
    )
    memory_limit_mib: Whole = _more(1200, "Resident memory at which no further instance is started.", unit="MiB", lo=100)
    conditional_per_symbol: Whole = _more(
        8,
        "Orders that wait for a price, of an account on one symbol: where stop and target would be more, nobody starts.",
        lo=2,
        hi=10,
    )
    cooldown_s: Seconds = key(15.0, "Entries wait this long after a crash.", unit="s", lo=15, hi=600)
    decision_budget_ms: Whole = key(50, "A bar that takes longer to compute is a warning.", unit="ms", lo=5, hi=1000)


class Orders(Section):
    """The order path, protection included."""

    request_timeout_ms: Whole = key(
        5000, "A request without an answer for so long is in doubt, and looked up.", unit="ms", lo=1000, hi=10_000
    )
    never_arrived_after_s: Seconds = key(
        60.0, "Least age of a doubtful order that may be found absent.", unit="s", lo=30, hi=600, live=True, looser="down"
    )
    entry_band_bps: Exact = key(
        Decimal(20),
        "How far beyond the best opposite price an entry may pay.",
        unit="bps",
        lo=1,
        hi=100,
        live=True,
        looser="up",
    )
    exit_tolerance_pct: Annotated[tuple[Exact, ...], Field(min_length=1)] = key(
        (Decimal("0.3"), Decimal(1), Decimal(3)),
        "Slippage of an exit, step by step; after the last one none is set.",
        unit="%",
        live=True,
    )
    exit_rung_s: Seconds = key(3.0, "Time of one step of exit_tolerance_pct.", unit="s", lo=1, hi=10, live=True)
    fat_finger_pct: Exact = key(
        Decimal(2),
        "Farthest from mark an entry may be priced.",
        unit="%",
        lo=Decimal("0.1"),
        hi=5,
        live=True,
        looser="up",
    )
    fill_check_s: Seconds = key(
        10.0,
        "Position and stop are verified at the venue this soon after a fill.",
        unit="s",
        lo=5,
        hi=10,
        live=True,
        looser="up",
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
    fallback_stop_atr: Exact = key(
        Decimal(3), "Distance from the entry of a stop that nobody planned, in hourly ranges (ATR 14).", lo=1, hi=10
    )
    fallback_stop_pct: Exact = key(
        Decimal(3), "The same from mark, when the market does not say how far it goes.", unit="%", lo=Decimal("0.5"), hi=10
    )


class Guardian(Section):
    """The second process. Its numbers travel to it in the plan that the daemon writes."""

    required_for_live: bool = key(True, "Refuse entries of real money while the guardian is not heard.", file_only=True)
    required_for_practice: bool = key(
        False, "Refuse those of demo and paper, too, as a rehearsal of real money does.", file_only=True
    )
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


class Recon(Section):
    """Comparing our books with the venue's."""

    orders_interval_s: Seconds = _more(120.0, "Time between comparisons of open orders.", unit="s", lo=30, hi=120)
    positions_interval_s: Seconds = _more(300.0, "Time between comparisons of positions.", unit="s", lo=30, hi=300)
    exposure_check_s: Seconds = _more(
        30.0, "Time between comparisons of the present holdings with what was filled.", unit="s", lo=5, hi=60
    )
    instruments_interval_s: Seconds = _more(3600.0, "Time between readings of tick, step and limits.", unit="s", lo=60, hi=3600)
    halt_at_once_pct: Exact = _more(
        Decimal("0.5"),
        "A difference above this halts its symbol at once, a smaller one at its second sight.",
        unit="% of equity",
        lo=0,
        hi=10,
    )
    snapshot_keep_days: Whole = key(90, "How long comparisons are kept.", unit="days", lo=1, hi=3650)
    blind_pause_s: Seconds = _more(15.0, "Failing reads for this long pause entries.", unit="s", lo=5, hi=60)
    blind_halt_s: Seconds = _more(60.0, "Failing reads for this long halt the account.", unit="s", lo=15, hi=600)
    repairs_symbol_hour: Whole = _more(3, "Repairs per symbol and hour before a person must look.", lo=1, hi=100)
    repairs_account_hour: Whole = _more(10, "Repairs per account and hour before a person must look.", lo=1, hi=100)


class Halt(Section):
    """What halts everything beside the daemon's own rules, and how a halt of level 2 and above ends."""

    extra_file: OptionalPath = key(
        None,
        "A second kill file beside `HALT` in the state directory, with its whole path. While it is there, or its directory is"
        " away or cannot be read, everything is halted.",
        file_only=True,
    )
    resume_clean_runs: Whole = key(
        2,
        "Reconciliations without a difference that must follow a halt before a person may lift it.",
        lo=2,
        hi=10,
        live=True,
        looser="down",
    )


class Control(Section):
    """The socket that `playctl` talks to."""

    max_clients: Whole = key(64, "Most clients with a place; a few more are heard, to stop what runs.", lo=4, hi=1024)


class Rate(Section):
    """How much of the venue's limits is ever used."""

    usable: Factor = key(0.8, "Part of each limit that is used.", unit="ratio", lo=0.1, hi=0.9)
    risk_reserve: Factor = key(
        0.3, "Part of it that entries and data leave to stops, exits and cancels.", unit="ratio", lo=0.1, hi=0.6
    )
    data_share_ip: Factor = key(0.3, "Part of the address's limit that data may take.", unit="ratio", lo=0.1, hi=0.9)
    orders_per_day_warn: Whole = key(5000, "So many orders of an account in a UTC day are a warning.", lo=1)
    ban_s: Seconds = key(600.0, "Nothing is sent for this long after the venue banned the address.", unit="s", lo=600, hi=3600)


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


class Incidents(Section):
    """Critical incidents that nobody acknowledges."""

    ack_repeat_min: Whole = key(5, "One is said again this often.", unit="min", lo=1, hi=60)
    ack_second_min: Whole = key(15, "After this long it goes to routes with backup_only too.", unit="min", lo=1, hi=240)


OptionalLimit = Annotated[Factor | None, BeforeValidator(lambda value: None if value == "" else value)]
"""A limit, or an empty text for the one that is built in."""


class Slo(Section):
    """What one figure may be. Limits are tightened here, never loosened."""

    objective: OptionalLimit = key(None, "What it ought to be.")
    warning: OptionalLimit = key(None, "The first value that is a warning.")
    critical: OptionalLimit = key(None, "The first value that is critical.")


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class Log(Section):
    """Log lines: on standard error, and without a service manager in `logs/` of the state directory too."""

    format: Literal["auto", "json", "text"] = key(
        "auto",
        "JSON lines or aligned text on standard error; auto means text on a terminal, and fields of their own in the journal of"
        " a service manager.",
    )
    file_mib: Whole = key(64, "A file this large is closed and the next one begun.", unit="MiB", lo=1, hi=1024)
    files: Whole = key(5, "How many files are kept, the present one among them.", lo=2, hi=100)
    levels: dict[str, LogLevel] = key(
        {}, 'Least level of single events, by globs over their names: { "feed.*" = "WARNING" }. The first that fits holds.'
    )


class Settings(Section):
    """Everything an operator may set, complete and consistent."""

    daemon: Daemon = Daemon()
    arming: Arming = Arming()
    market: Market = Market()
    streams: Streams = Streams()
    clock: Clock = Clock()
    supervisor: Supervisor = Supervisor()
    orders: Orders = Orders()
    gates: Gates = Gates()
    guardian: Guardian = Guardian()
    risk: Risk = Risk()
    breakers: Breakers = Breakers()
    recon: Recon = Recon()
    halt: Halt = Halt()
    control: Control = Control()
    rate: Rate = Rate()
    journal: Journal = Journal()
    ledger: Ledger = Ledger()
    disk: Disk = Disk()
    backup: Backup = Backup()
    http: Http = Http()
    incidents: Incidents = Incidents()
    alerts: Alerts = Alerts()
    log: Log = Log()
    accounts: dict[Annotated[str, Field(pattern=INSTANCE_NAME)], Account] = Field(default_factory=dict)
    instances: dict[Annotated[str, Field(pattern=INSTANCE_NAME)], Instance] = Field(default_factory=dict)
    slo: dict[Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")], Slo] = Field(default_factory=dict)
