"""`playd play show`: a Play in its normal form."""

from collections.abc import Sequence

import orjson

from playd.cli.inputs import play_of
from playd.world.real import real_world


def show_play(given: str, overrides: Sequence[str], *, as_json: bool) -> int:
    """Print the normal form."""
    play = play_of(real_world(), given, overrides)
    option = orjson.OPT_SORT_KEYS | (0 if as_json else orjson.OPT_INDENT_2)
    print(orjson.dumps(dict(play.normal_form), option=option).decode())
    return 0
