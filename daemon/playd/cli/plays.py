"""`playd play check` and `playd play show`."""

import sys
from collections.abc import Sequence

import orjson

from playd.cli.inputs import play_of
from playd.control.render import json_text
from playd.core.errors import PlayError
from playd.core.timeframes import MINUTE_MS
from playd.plays.compile import compile_program
from playd.world.real import real_world


def check_play(given: str, overrides: Sequence[str], *, as_json: bool) -> int:
    """Print every finding; 0 when the Play is good, 6 when it is refused."""
    try:
        play = play_of(real_world(), given, overrides)
        program = compile_program(play, MINUTE_MS)
    except PlayError as error:
        if as_json:
            print(json_text({"ok": False, "errors": error.findings, "warnings": []}))
            return error.exit_code
        raise
    if as_json:
        print(json_text({"ok": True, "errors": [], "warnings": list(play.warnings), "play_hash": play.play_hash}))
        return 0
    for warning in play.warnings:
        print(warning, file=sys.stderr)
    clocks = ", ".join(clock.name for clock in program.clocks)
    print(
        f"{play.name}: good; {play.symbol}, clocks {clocks}, {len(program.nodes)} nodes, "
        f"warm-up {program.warmup_ms // MINUTE_MS} minutes, hash {play.play_hash[:16]}"
    )
    return 0


def show_play(given: str, overrides: Sequence[str], *, as_json: bool) -> int:
    """Print the normal form."""
    play = play_of(real_world(), given, overrides)
    option = orjson.OPT_SORT_KEYS | (0 if as_json else orjson.OPT_INDENT_2)
    print(orjson.dumps(dict(play.normal_form), option=option).decode())
    return 0
