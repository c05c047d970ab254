"""
The kill sweep: `python -m tests.crash.sweep [POINTS [SEED]]`, by default three hundred kill points. `make kill-sweep` runs it.

A daemon of its own process dies at calls of its disk and its network that are spread over every part of its life: the first
ones of a start with a position, before and after each record of an entry, an exit and a fill, around each request, inside the
replacement of a state, at a new page of the journal, on the way of a stop of the daemon, while new settings are taken over,
with entries that are filled in part, around each move of a position's stop, and in the middle of a panic. After each death and
each start the same is checked as in `test_kill`; a story that broke a promise is left in its directory.
"""

import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.story import Ending, Kill, nothing_but_time, tell
from tests.crash.test_kill import SLOW
from tests.crash.thin import tell_thin

POINTS = 300
THIN_EVERY = 4
"""One story of so many plays in a thin market."""

EARLY = 2
"""A life of a story sees a tenth of the market, two or three trades."""

ORDER, CLOSE = "http:order/create", "http:order/close"
STOP = "http:position/trading-stop"
BROKEN_MAX = 5
"""So many broken stories are enough to look at."""

NAMED = {
    "entry": (f"{ORDER}:sent", f"{ORDER}:answered", "commit:intent:before"),
    "exit": ("commit:exit:before", "commit:exit:after", f"{CLOSE}:before", f"{CLOSE}:sent", f"{CLOSE}:answered"),
    "fill": ("commit:execution:before", "commit:execution:after"),
    "snapshot": ("state:temporary", "state:linked", "state:previous", "state:replaced"),
    "rotation": ("journal:page:before", "journal:page:after", "journal:torn"),
}
SOONEST = {"snapshot": 1}
"""States are kept once a second, which is a long time of a market in a hurry."""

NEVER_SENT = ("commit:intent:after", f"{ORDER}:before")
"""Behind these an entry is in doubt for as long as the venue is given: whatever a story has left must come before them."""

RELOADS = (("settings:read", 2), ("settings:checked", 1), ("settings:taken", 1))
"""The first reading of the files is that of the start. What a reload writes down dies with the journal's moments."""

THIN = (f"{ORDER}:answered", "commit:execution:before", "commit:execution:after", "http:order/cancel:before", "run:any")
MOVES = (f"{STOP}:before", f"{STOP}:sent", f"{STOP}:answered")
PANIC_MOMENTS = 24
"""More than a panic of one position has."""

PARTS = frozenset((*NAMED, "start-up", "trading", "shutdown", "reload", "partial fill", "stop move", "panic"))
ALL_PARTS_FROM = 100
"""A sweep of so many points that did not die in every part of a life has not done what it says."""


@dataclass
class Tally:
    """Deaths by part of life."""

    deaths: Counter[str] = field(default_factory=Counter)
    distinct: set[tuple[str, str]] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def note(self, part: str, death: str) -> None:
        self.deaths[part] += 1
        self.distinct.add((part, death))

    @property
    def total(self) -> int:
        return sum(self.deaths.values())


def kills(source: random.Random, counts: dict[str, int]) -> list[tuple[str, Kill]]:
    """The deaths of one story, one in every part of a life, each with the part's name."""
    found = [(part, Kill(source.choice(names), source.randint(1, SOONEST.get(part, EARLY)))) for part, names in NAMED.items()]
    found = [(part, kill if part != "snapshot" else Kill(kill.moment, kill.nth, speed=SLOW)) for part, kill in found]
    for _ in range(2):
        found.append(("start-up", Kill("start:any", source.randint(1, counts["start:any"]))))
    found.append(("trading", Kill("run:any", source.randint(1, counts["run:any"] // 16))))
    stopping = Kill("stop:any", source.randint(1, counts["stop:any"]), after_s=source.uniform(0.1, 0.6), speed=SLOW, stops=True)
    found.append(("shutdown", stopping))
    moment, nth = source.choice(RELOADS)
    found.append(("reload", Kill(moment, nth, after_s=source.uniform(0.1, 0.6), speed=SLOW, candles=40, reloads=True)))
    source.shuffle(found)
    return [*found, ("entry", Kill(source.choice(NEVER_SENT), 1))]


def thin_kills(source: random.Random) -> list[tuple[str, Kill]]:
    """The deaths of a story in a thin market."""
    found = [("partial fill", Kill(source.choice(THIN), source.randint(1, 2 * EARLY))) for _ in range(6)]
    found += [("stop move", Kill(source.choice(MOVES), source.randint(1, EARLY))) for _ in range(3)]
    source.shuffle(found)
    panics = Kill("stop:any", source.randint(1, PANIC_MOMENTS), after_s=source.uniform(0.1, 0.6), candles=60, panics=True)
    return [*found, ("panic", panics)]


def play(directory: Path, unkilled: Ending, planned: list[tuple[str, Kill]], tally: Tally, *, thin: bool) -> None:
    """Play one story and note its deaths, or what it broke."""
    parts = {str(kill): part for part, kill in planned}
    try:
        if thin:
            deaths, _ = tell_thin(directory, [kill for _, kill in planned])
        else:
            ending = tell(directory, [kill for _, kill in planned])
            deaths = ending.deaths
            nothing_but_time(ending, unkilled, [kill for _, kill in planned])
    except Exception:  # noqa: BLE001 - one broken story is a finding; the others still count
        tally.broken.append(f"{directory}: {', '.join(map(str, (kill for _, kill in planned)))}\n{traceback.format_exc()}")
        return
    for death in deaths:
        tally.note(parts[death], death)


def main(arguments: list[str]) -> int:
    """Play stories until enough deaths came; 0 when nothing was broken, else 1."""
    points = int(arguments[0]) if arguments else POINTS
    seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(1, 10**6)
    source, tally, began_s = random.Random(seed), Tally(), time.monotonic()
    root = Path(tempfile.mkdtemp(prefix="kill-sweep-"))
    print(f"at least {points} kill points, seed {seed}, stories in {root}", flush=True)
    unkilled = tell(made(root / "unkilled"), [])
    number = 0
    while tally.total < points and len(tally.broken) < BROKEN_MAX:
        number += 1
        thin = number % THIN_EVERY == 0
        planned = thin_kills(source) if thin else kills(source, unkilled.moments)
        play(made(root / str(number)), unkilled, planned, tally, thin=thin)
        print(f"story {number}: {tally.total} deaths, {time.monotonic() - began_s:.0f} s", flush=True)
    width = max(map(len, tally.deaths), default=0)
    for part, count in sorted(tally.deaths.items()):
        print(f"{part:{width}}  {count:4} deaths at {sum(p == part for p, _ in tally.distinct):3} places")
    print(f"{tally.total} deaths in {number} stories, {len(tally.broken)} broken, {time.monotonic() - began_s:.0f} s")
    print("\n".join(tally.broken))
    missing = sorted(PARTS - tally.deaths.keys()) if points >= ALL_PARTS_FROM else []
    if missing:
        print(f"no death in: {', '.join(missing)}")
    return 1 if tally.broken or missing or tally.total < points else 0


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
