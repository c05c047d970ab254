"""`playd play …`: the commands that look at Play files and write them. Each imports what it needs when it is called."""

from typing import Annotated

import typer

from playd.cli.commands import (
    CandlesOption,
    EndOption,
    FundingOption,
    JsonOption,
    MarkOption,
    NoFundingOption,
    OnSymbolOption,
    OpenInterestOption,
    PlayArgument,
    ReferenceOption,
    SetOption,
    StartOption,
    run_command,
)

play_app = typer.Typer(
    help="Look at Play files and write them. What they may hold stands in daemon/play-reference.md.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PlaysArgument = Annotated[list[str], typer.Argument(metavar="PLAY…", help="Play files, or stems of those in config/plays.")]


@play_app.command("check", epilog="Example: playd play check config/plays/*.yml")
def play_check(
    plays: PlaysArgument,
    json: JsonOption = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings refuse a Play too.")] = False,
    overrides: SetOption = [],  # noqa: B006 - typer reads the default and never changes it
) -> None:
    """Check Play files: every error and warning of all of them, each with its place. Exit 6 when one is refused."""
    from playd.cli.play_check import check_plays

    run_command(lambda: check_plays(tuple(plays), tuple(overrides), as_json=json, strict=strict))


@play_app.command("test", epilog="Example: playd play test my_play.yml")
def play_test(play: PlayArgument, json: JsonOption = False, overrides: SetOption = []) -> None:  # noqa: B006 - as above
    """Run a Play on the synthetic market of its `validation`, against what it expects. Exit 1 when that is not met."""
    from playd.cli.play_trial import try_play

    run_command(lambda: try_play(play, tuple(overrides), as_json=json))


@play_app.command("new", epilog="Example: playd play new --template breakout -o my_breakout.yml")
def play_new(
    template: Annotated[str, typer.Option("--template", help="trend, reversion, breakout or structure.")],
    out: Annotated[str, typer.Option("-o", "--out", metavar="FILE", help="A new file; default: standard output.")] = "",
    name: Annotated[str, typer.Option("--name", help="Name of the Play; default: the stem of FILE.")] = "",
) -> None:
    """Start a Play from a template."""
    from playd.cli.play_new import write_new

    run_command(lambda: write_new(template, out, name))


@play_app.command("forge", epilog="Example: playd play forge --seed 7 --count 20 --structures -o forged")
def play_forge(
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same Plays.", min=0)],
    count: Annotated[int, typer.Option("--count", help="How many Plays.", min=1, max=10_000)] = 1,
    structures: Annotated[bool, typer.Option("--structures", help="Rich in structures.")] = False,
    operators: Annotated[bool, typer.Option("--operators", help="Rich in operators, windows and setups.")] = False,
    indicators: Annotated[bool, typer.Option("--indicators", help="Rich in indicators.")] = False,
    out: Annotated[str, typer.Option("-o", "--out", metavar="DIR", help="Directory of the files.")] = "",
) -> None:
    """Write random valid Plays that cover the language. Without one of the three parts, rich in all of them."""
    from playd.cli.play_forge import forge_plays
    from playd.research.forge.play import Parts

    every = not (structures or operators or indicators)
    parts = Parts(indicators or every, structures or every, operators or every)
    run_command(lambda: forge_plays(seed, count, parts, out))


@play_app.command("show", epilog="Example: playd play show mtf_trend --svg > mtf_trend.svg")
def play_show(
    play: PlayArgument,
    json: JsonOption = False,
    dot: Annotated[bool, typer.Option("--dot", help="Draw the Program in the DOT language.")] = False,
    svg: Annotated[bool, typer.Option("--svg", help="Draw the Program as a picture.")] = False,
    overrides: SetOption = [],  # noqa: B006 - as above
) -> None:
    """Print a Play with every default filled in, and its Program: clocks, warm-up, kernels, nodes, hash."""
    from playd.cli.play_show import show_play

    if json + dot + svg > 1:
        raise typer.BadParameter("--json, --dot and --svg are three forms of the output: give one")
    form = "json" if json else "dot" if dot else "svg" if svg else "text"
    run_command(lambda: show_play(play, tuple(overrides), form))  # type: ignore[arg-type]


@play_app.command("fmt", epilog="Example: playd play fmt --check config/plays/*.yml")
def play_fmt(
    plays: PlaysArgument,
    check: Annotated[bool, typer.Option("--check", help="Print names of files that are not canonical; exit 1 if any.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Rewrite the files in place.")] = False,
) -> None:
    """Print Play files in canonical form. Comments stay; what decides, and so the hash, is the same."""
    from playd.cli.play_format import format_plays

    run_command(lambda: format_plays(tuple(plays), check=check, write=write))


@play_app.command("import", epilog="Example: playd play import old.yml -o new.yml")
def play_import(
    play: PlayArgument,
    out: Annotated[str, typer.Option("-o", "--out", metavar="FILE", help="Where to write; default: standard output.")] = "",
    json: JsonOption = False,
) -> None:
    """Rewrite older spellings of the 3.0 format, report every change, check the result. Exit 6 when it needs more work."""
    from playd.cli.play_import import import_file

    run_command(lambda: import_file(play, out, as_json=json))


@play_app.command("explain", epilog="Example: playd play explain ema_cross_rsi --candles btc.parquet --at 2024-01-31T12:00:00Z")
def play_explain(
    play: PlayArgument,
    candles: CandlesOption,
    reference_candles: ReferenceOption = "",
    mark_candles: MarkOption = "",
    funding: FundingOption = "",
    open_interest: OpenInterestOption = "",
    no_funding: NoFundingOption = False,
    at: Annotated[
        str, typer.Option("--at", metavar="T", help="The last bar that had closed at T (UTC); default: the newest of all.")
    ] = "",
    stats: Annotated[
        bool, typer.Option("--stats", help="Count verdicts over all bars, and for each clause how often only it was missing.")
    ] = False,
    symbol: OnSymbolOption = "",
    start: StartOption = "",
    end: EndOption = "",
    json: JsonOption = False,
    overrides: SetOption = [],  # noqa: B006 - as above
) -> None:
    """Why a Play acted at a bar, or did not: each condition with its truth and values, and the clause that stopped it."""
    from playd.cli.explain import ExplainOptions, explain_play
    from playd.cli.inputs import BesideFiles

    beside = BesideFiles(mark_candles, funding, open_interest, not no_funding)
    options = ExplainOptions(play, candles, reference_candles, beside, symbol, at, stats, start, end, json, tuple(overrides))
    run_command(lambda: explain_play(options))
