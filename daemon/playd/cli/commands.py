"""What the commands of `playd` share: options said once, imports that stay, and errors turned into text and exit codes."""

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from playd.core.errors import PlaydError, PlayError

_USUALLY: Final = 10
_NEVER: Final = 1_000_000_000
"""Looks at what is young and middle-aged before one at everything."""

PlayArgument = Annotated[str, typer.Argument(metavar="PLAY", help="Play file, or the stem of one in config/plays.")]
CandlesOption = Annotated[str, typer.Option("--candles", metavar="FILE", help="Parquet file of one-minute candles.")]
ReferenceOption = Annotated[
    str,
    typer.Option(
        "--reference-candles", metavar="FILE", help="Candles of the second symbol, for a Play that reads one (`reference`)."
    ),
]
MarkOption = Annotated[
    str, typer.Option("--mark-candles", metavar="FILE", help="Candles of the mark price; without, the last price is the mark.")
]
FundingOption = Annotated[
    str, typer.Option("--funding", metavar="FILE", help="Funding stamps (Parquet: time_ms, rate; announced_ms if recorded).")
]
OpenInterestOption = Annotated[
    str, typer.Option("--open-interest", metavar="FILE", help="Open interest (Parquet: time_ms, open_interest in base coin).")
]
NoFundingOption = Annotated[
    bool, typer.Option("--no-funding", help="Pay no funding; conditions and funding_guard still know the rates.")
]
SymbolOption = Annotated[str, typer.Option("--symbol", help="Symbol of the candles; default: what the file's name says.")]
OnSymbolOption = Annotated[str, typer.Option("--symbol", help="Run the Play on this symbol instead of its own.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
StartOption = Annotated[
    str, typer.Option("--start", metavar="T", help="First decision at or after T (UTC): 2024-01-31, RFC 3339 or epoch ms.")
]
EndOption = Annotated[str, typer.Option("--end", metavar="T", help="Candles that open before T.")]
SetOption = Annotated[
    list[str], typer.Option("--set", metavar="K=V", help="Another value for a Play variable; may be repeated.")
]
SaveColumnsOption = Annotated[str, typer.Option("--save-columns", metavar="FILE", help="Write every column to an npz file.")]
EvidenceOption = Annotated[
    str, typer.Option("--evidence", metavar="FILE", help="Write what readiness asks for, for `playctl evidence import`.")
]
SpeedOption = Annotated[float, typer.Option("--speed", help="Market minutes per real minute; 0: what the settings say.", min=0)]
FaultsOption = Annotated[
    str, typer.Option("--faults", metavar="FILE", help="Script of what the embedded exchange does wrong on command.")
]
AcceptOption = Annotated[
    bool, typer.Option("--accept", help="Run nothing else: write what the Plays trade now as their golden lines.")
]
PatternOption = Annotated[
    str, typer.Option("--pattern", metavar="NAME", help="A synthetic market instead, such as ranging or breakout_false.")
]
PatternSeedOption = Annotated[int | None, typer.Option("--seed", help="Of the pattern; default: the Play's own, or 42.", min=0)]
PatternBarsOption = Annotated[
    int | None, typer.Option("--bars", help="Execution bars of the pattern; default: as many as the Play needs.", min=50)
]
LimitsOption = Annotated[
    str,
    typer.Option("--limits", metavar="ALIAS", help="Judge entries by the limits of this account of the settings, and compare."),
]
ConfigOption = Annotated[str, typer.Option("--config", metavar="FILE", help="Settings file; default: config/playd.toml.")]
StateOption = Annotated[str, typer.Option("--state", metavar="DIR", help="State directory; default: state.")]


@contextmanager
def for_good() -> Iterator[None]:
    """
    What is imported inside is never looked at again by the garbage collector.

    It would visit every object of it, a tenth of a second in which nothing trades, and find nothing.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def put_off_collecting() -> None:
    """
    The garbage collector looks at what is young only, until `keep_for_good`.

    While a hundred instances start it would look at everything twenty times, up to a sixth of a second in which nobody's bar is
    decided, and find little.
    """
    gc.set_threshold(*gc.get_threshold()[:2], _NEVER)


def keep_for_good() -> None:
    """
    It looks at nothing again that there is now, but for what is young; from then on as usual.

    No look at everything first: that is a sixth of a second with a hundred instances, and the megabyte of garbage that has
    grown old by then costs less for good than a bar that waits.
    """
    gc.collect(1)
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], _USUALLY)


def run_command(body: Callable[[], int]) -> None:
    """Run a command; every error of ours becomes its text on standard error and its exit code."""
    try:
        code = body()
    except PlayError as error:
        print("\n".join(error.findings), file=sys.stderr)
        code = error.exit_code
    except PlaydError as error:
        print(f"playd: {error}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    gc.unfreeze()  # what is never let go of is called a leak by libraries that count, line by line, when the process ends
    raise typer.Exit(code)
