"""`playd`: the daemon, and what needs no daemon: backtest, parity, the local exchange, checking Plays and settings."""

from typing import Annotated

import typer

from playd import __version__
from playd.cli.commands import (
    AcceptOption,
    CandlesOption,
    ConfigOption,
    EndOption,
    EvidenceOption,
    FaultsOption,
    FundingOption,
    JsonOption,
    LimitsOption,
    MarkOption,
    NoFundingOption,
    OnSymbolOption,
    OpenInterestOption,
    PatternBarsOption,
    PatternOption,
    PatternSeedOption,
    PlayArgument,
    ReferenceOption,
    SaveColumnsOption,
    SetOption,
    SpeedOption,
    StartOption,
    StateOption,
    SymbolOption,
    for_good,
    run_command,
)
from playd.cli.exchanges import exchange_app
from playd.cli.plays import play_app
from playd.world.kernel_cache import use_kernel_cache

# Here, because every command that reaches a kernel is imported below, inside the command; `playctl` has no kernels.
use_kernel_cache()

app = typer.Typer(
    name="playd",
    help="Run YAML Plays on Bybit perpetual futures, or on an exchange of its own. Talk to a running one with `playctl`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(play_app, name="play")
app.add_typer(exchange_app, name="exchange")
audit_app = typer.Typer(help="Check what the daemon has recorded.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(audit_app, name="audit")
backup_app = typer.Typer(help="Copies of a state directory.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(backup_app, name="backup")
drill_app = typer.Typer(
    help="Drills: a fault on purpose, and what is true afterwards.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(drill_app, name="drill")
synth_app = typer.Typer(
    help="Synthetic markets by name: see them, or keep their candles.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(synth_app, name="synth")

BackupArgument = Annotated[str, typer.Argument(metavar="BACKUP", help="Time of a backup as `list` prints it, or its folder.")]


@app.command(epilog="Example: playd run --candles btc.parquet --speed 600")
def run(
    candles: Annotated[
        str, typer.Option("--candles", metavar="FILE", help="Recorded candles instead of a synthetic market.")
    ] = "",
    reference_candles: ReferenceOption = "",
    speed: SpeedOption = 0.0,
    symbol: SymbolOption = "",
    as_declared: Annotated[
        bool, typer.Option("--as-declared", help="The candles stand for every symbol that the declared Plays trade.")
    ] = False,
    config: ConfigOption = "",
    state: StateOption = "",
    faults: FaultsOption = "",
) -> None:
    """Run the daemon. Without settings, keys or network: two example Plays in paper mode on a synthetic market."""
    with for_good():
        from playd.cli.daemon import run_daemon
        from playd.cli.run_options import RunOptions

    options = RunOptions(candles, reference_candles, speed, symbol, config, state, faults, as_declared)
    run_command(lambda: run_daemon(options))


@app.command(epilog="Example: playd backtest config/plays/ema_cross_rsi.yml --candles btc.parquet --json")
def backtest(
    play: PlayArgument,
    candles: CandlesOption = "",
    reference_candles: ReferenceOption = "",
    mark_candles: MarkOption = "",
    funding: FundingOption = "",
    open_interest: OpenInterestOption = "",
    no_funding: NoFundingOption = False,
    pattern: PatternOption = "",
    seed: PatternSeedOption = None,
    bars: PatternBarsOption = None,
    symbol: OnSymbolOption = "",
    start: StartOption = "",
    end: EndOption = "",
    json: JsonOption = False,
    save_columns: SaveColumnsOption = "",
    evidence: EvidenceOption = "",
    limits: LimitsOption = "",
    config: ConfigOption = "",
    keep: Annotated[bool, typer.Option("--keep", help="Keep manifest, trades, equity and report: playd runs.")] = False,
    overrides: SetOption = [],  # noqa: B006 - typer reads the default and never changes it
) -> None:
    """Run a Play over recorded candles, or over a synthetic market, and report its trades and metrics."""
    from playd.cli.backtest import BacktestOptions, run_backtest_command
    from playd.cli.inputs import BesideFiles

    files = candles, reference_candles, BesideFiles(mark_candles, funding, open_interest, not no_funding)
    under = json, save_columns, evidence, limits, config, keep
    given = play, *files, pattern, seed, bars, symbol, start, end, *under, tuple(overrides)
    run_command(lambda: run_backtest_command(BacktestOptions(*given)))


@app.command(epilog="Example: playd runs --json")
def runs(config: ConfigOption = "", state: StateOption = "", json: JsonOption = False) -> None:
    """Backtests that were kept (`playd backtest … --keep`), newest first."""
    from playd.cli.kept_runs import list_runs

    run_command(lambda: list_runs(config, state, as_json=json))


@app.command(epilog="Example: playd parity config/plays/ema_cross_rsi.yml --candles btc.parquet")
def parity(
    play: PlayArgument,
    candles: CandlesOption,
    reference_candles: ReferenceOption = "",
    symbol: OnSymbolOption = "",
    json: JsonOption = False,
    evidence: EvidenceOption = "",
    overrides: SetOption = [],  # noqa: B006 - typer reads the default and never changes it
) -> None:
    """Backtest a Play, run it by the daemon's parts over real sockets, compare bit for bit. Exit 10: they differ."""
    from playd.cli.parity import ParityOptions, run_parity_command

    options = ParityOptions(play, candles, reference_candles, symbol, json, evidence, tuple(overrides))
    run_command(lambda: run_parity_command(options))


@app.command(epilog="Example: playd validate quick")
def validate(
    tier: Annotated[str, typer.Argument(metavar="TIER", help="quick, standard or full.")],
    json: JsonOption = False,
    accept: AcceptOption = False,
) -> None:
    """Check this installation: Plays, catalogs, kernels, roll-up, structures, trades on patterns. Exit 10: something failed."""
    from playd.cli.validate import validate as run_validate

    run_command(lambda: run_validate(tier, as_json=json, accept=accept))


@app.command(epilog="Example: playd warm")
def warm(json: JsonOption = False) -> None:
    """Compile everything that Plays can need into the kernel cache, and say how long it took."""
    from playd.cli.warm import warm as run_warm

    run_command(lambda: run_warm(as_json=json))


@synth_app.command("list", epilog="Example: playd synth list")
def synth_list(json: JsonOption = False) -> None:
    """The synthetic markets that `--pattern` takes, each with the line of its closes."""
    from playd.cli.synth import list_patterns

    run_command(lambda: list_patterns(as_json=json))


@synth_app.command("show", epilog="Example: playd synth show liquidity_hunt_lows --tf 1h --bars 120")
def synth_show(
    pattern: Annotated[str, typer.Argument(metavar="NAME", help="One of `playd synth list`.")],
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same candles.", min=0)] = 42,
    bars: Annotated[int, typer.Option("--bars", help="How many bars.", min=50, max=100_000)] = 200,
    tf: Annotated[str, typer.Option("--tf", help="Length of a bar.")] = "15m",
    symbol: Annotated[str, typer.Option("--symbol", help="Name of the market, for --json.")] = "BTCUSDT",
    out: Annotated[
        str, typer.Option("-o", "--out", metavar="FILE", help="Write the one-minute candles as Parquet instead.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Draw a synthetic market, print its bars, or write its candles for `--candles`."""
    from playd.cli.synth import SynthOptions, show_pattern

    run_command(lambda: show_pattern(SynthOptions(pattern, seed, bars, tf, symbol, out, json)))


@app.command(epilog="Example: playd guardian --state state")
def guardian(
    state: StateOption = "",
    run_dir: Annotated[str, typer.Option("--run-dir", metavar="DIR", help="Directory of sockets; default: run below it.")] = "",
) -> None:
    """Keep positions protected while the daemon cannot. A second, small process; reads the daemon's plan, no settings."""
    from playd.world.real import real_world

    # In the same process, but without what the command line loaded: the guardian is to stay small.
    real_world().process.become_module("playd.cli.guardian", (state, run_dir))


@app.command(
    "emergency-flatten", epilog="Example: playd emergency-flatten --account live --credential-file key --symbol BTCUSDT"
)
def emergency_flatten(
    account: Annotated[str, typer.Option("--account", help="A name for the account; `live`, `demo` and `testnet` say where.")],
    credential_file: Annotated[
        str, typer.Option("--credential-file", metavar="F", help="File with `api_key=…` and `api_secret=…`.")
    ],
    symbol: Annotated[str, typer.Option("--symbol", help="Only this symbol.")] = "",
    environment: Annotated[str, typer.Option("--environment", help="live, demo, testnet or local.")] = "",
    region: Annotated[str, typer.Option("--region", help="Where a live account was opened.")] = "global",
    rest_url: Annotated[str, typer.Option("--rest-url", metavar="URL", help="Address of a local exchange.")] = "",
    state: Annotated[
        str, typer.Option("--state", metavar="DIR", help="Where a ban may be on record; default: the usual directories.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the phrase.")] = False,
    json: JsonOption = False,
) -> None:
    """
    Cancel entries and close positions with nothing but a key: no daemon, state or settings. Exit 11: something is left.

    A ban of this address that is on record is waited for, and said: nothing gets through before.
    """
    from playd.cli.emergency_flatten import FlattenOptions
    from playd.cli.emergency_flatten import emergency_flatten as run_flatten

    options = FlattenOptions(account, credential_file, symbol, environment, region, rest_url, state, yes, json)
    run_command(lambda: run_flatten(options))


@audit_app.command("verify", epilog="Example: playd audit verify state --from 2024-01-31 --anchor 1204:9f…e1")
def audit_verify(
    directory: Annotated[
        str, typer.Argument(metavar="[DIR]", help="State directory, or the journal's own; default: the usual state directory.")
    ] = "",
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="Only files of this UTC date and later.")] = "",
    anchor: Annotated[
        str, typer.Option("--anchor", metavar="SEQ:HASH", help="A published head; without one a cut end does not show.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Check the journal's chain. Exit 0: whole; 10: broken, with the first bad record; 1: unreadable."""
    from playd.cli.audit import AuditOptions, verify_journal

    run_command(lambda: verify_journal(AuditOptions(directory, since, anchor, json)))


@app.command(epilog="Example: playd state --state /var/lib/playd")
def state(state: StateOption = "", config: ConfigOption = "", json: JsonOption = False) -> None:
    """Every file of a state directory: whose it is, its version, whether it is whole. Exit 10: one is damaged, 1: unread."""
    from playd.cli.state import list_state

    run_command(lambda: list_state(state, config, as_json=json))


@app.command(epilog='Example: playd alert "playd.service failed"')
def alert(
    text: Annotated[str, typer.Argument(help="What to say.")], config: ConfigOption = "", json: JsonOption = False
) -> None:
    """Say something critical by every alert route, without a daemon. Exit 1: nobody took it."""
    from playd.cli.alert import send_alert

    run_command(lambda: send_alert(text, config, as_json=json))


@backup_app.command("now", epilog="Example: playd backup now --state state")
def backup_now(
    config: ConfigOption = "",
    state: StateOption = "",
    if_older: Annotated[float, typer.Option(min=0, metavar="MIN", help="None while the newest is younger, for timers.")] = 0.0,
    json: JsonOption = False,
) -> None:
    """Copy ledger, states and plan beside a running daemon or without one, check the copy, drop old ones."""
    from playd.cli.backup import BackupOptions
    from playd.cli.backup import backup_now as run_backup

    run_command(lambda: run_backup(BackupOptions(state, config, as_json=json, if_older_min=if_older)))


@backup_app.command("list", epilog="Example: playd backup list")
def backup_list(config: ConfigOption = "", state: StateOption = "", json: JsonOption = False) -> None:
    """Every backup, newest first."""
    from playd.cli.backup import BackupOptions, list_backups

    run_command(lambda: list_backups(BackupOptions(state, config, as_json=json)))


@backup_app.command("verify", epilog="Example: playd backup verify 2024-01-31T12-00-00Z")
def backup_verify(
    name: BackupArgument = "", config: ConfigOption = "", state: StateOption = "", json: JsonOption = False
) -> None:
    """Whether a backup is whole, the newest one without a name, and what is not. Exit 10: it is not."""
    from playd.cli.backup import BackupOptions, verify

    run_command(lambda: verify(BackupOptions(state, config, name, as_json=json)))


@app.command(epilog="Example: playd restore 2024-01-31T12-00-00Z --state state")
def restore(
    name: BackupArgument,
    config: ConfigOption = "",
    state: StateOption = "",
    confirm: Annotated[str, typer.Option("--confirm", metavar="PHRASE", help="The phrase, for scripts.")] = "",
    json: JsonOption = False,
) -> None:
    """Put a backup in place of what a stopped daemon left; it then starts halted. Exit 79: a daemon runs."""
    from playd.cli.backup import BackupOptions, restore_backup

    run_command(lambda: restore_backup(BackupOptions(state, config, name, confirm, json)))


@app.command(epilog="Example: playd migrate --dry-run --state /var/lib/playd")
def migrate(
    config: ConfigOption = "",
    state: StateOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the steps.")] = False,
    json: JsonOption = False,
) -> None:
    """Bring the ledger of an older program up to this one, behind a backup. Exit 79: a daemon runs; 80: it is newer."""
    from playd.cli.migrate import MigrateOptions
    from playd.cli.migrate import migrate as run_migrate

    run_command(lambda: run_migrate(MigrateOptions(state, config, dry_run, json)))


@drill_app.command("list", epilog="Example: playd drill list --wide")
def drill_list(
    wide: Annotated[bool, typer.Option("--wide", help="Also what must hold.")] = False, json: JsonOption = False
) -> None:
    """Every drill, its level, and whether this version can run it."""
    from playd.cli.drill import list_drills

    run_command(lambda: list_drills(as_json=json, wide=wide))


@drill_app.command("run", epilog="Example: playd drill run DRL-13")
def drill_run(
    drill: Annotated[str, typer.Argument(metavar="ID", help="Number of a drill such as DRL-13, or `all`.")],
    state: Annotated[
        str, typer.Option("--state", metavar="DIR", help="Where the evidence is kept; the drill itself has a state of its own.")
    ] = "",
    jobs: Annotated[int, typer.Option("--jobs", "-j", metavar="N", help="With `all`: how many at a time.", min=1)] = 4,
    json: JsonOption = False,
) -> None:
    """Do it to a daemon of its own. Exit 0: all held; 1: something did not, or could not be run (`all`: 10); 2: not built."""
    from playd.cli.drill import DrillOptions, run_drills

    run_command(lambda: run_drills(DrillOptions(drill, state, json, jobs)))


@app.command(epilog="Example: playd check --config config/playd.toml")
def check(config: ConfigOption = "", state: StateOption = "", json: JsonOption = False) -> None:
    """Check settings, state directory and the Plays of all instances, without side effects."""
    from playd.cli.check import run_check

    run_command(lambda: run_check(config, state, as_json=json))


@app.command(epilog="Example: playd doctor --fix")
def doctor(
    config: ConfigOption = "",
    state: StateOption = "",
    fix: Annotated[bool, typer.Option("--fix", help="Mend modes, directories, stale caches and ballast first.")] = False,
    json: JsonOption = False,
) -> None:
    """Look at host and installation. Exit 9: something is broken; what this machine does not have at all is n/a."""
    from playd.cli.doctor import run_doctor

    run_command(lambda: run_doctor(config, state, fix=fix, as_json=json))


@app.command()
def version(json: JsonOption = False) -> None:
    """Print the version."""
    print(f'{{"playd":"{__version__}"}}' if json else f"playd {__version__}")


def main() -> None:
    """Entry point of the `playd` script."""
    app()


if __name__ == "__main__":
    main()
