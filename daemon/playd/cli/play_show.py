"""`playd play show`: a Play with every default, and the Program that it becomes, as text, JSON or a drawing."""

from collections.abc import Sequence
from typing import Final, Literal

from playd.cli.inputs import play_of
from playd.control.render import json_text
from playd.core.timeframes import MINUTE_MS
from playd.plays.compile import compile_program
from playd.plays.describe import describe_play, describe_program, program_form
from playd.plays.drawing import dot, svg
from playd.world.real import real_world

Form = Literal["text", "json", "dot", "svg"]

_DRAWINGS: Final = {"dot": dot, "svg": svg}


def show_play(given: str, overrides: Sequence[str], form: Form) -> int:
    """Print the normal form, the hashes, clocks, warm-up, kernels and nodes. Raises `PlayError`."""
    play = play_of(real_world(), given, overrides)
    program = compile_program(play, MINUTE_MS)
    if form == "json":
        hashes = {"name": play.name, "play_hash": play.play_hash, "source_hash": play.source_hash}
        print(json_text({**hashes, "warnings": play.warnings, "play": play.normal_form, "program": program_form(program)}))
    elif form == "text":
        print(describe_play(play))
        print(describe_program(program))
    else:
        print(_DRAWINGS[form](program), end="")
    return 0
