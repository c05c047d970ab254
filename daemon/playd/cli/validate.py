"""`playd validate`: checks of this installation in tiers, one line each and a total."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Final

from playd.cli.inputs import PLAYS_DIR
from playd.cli.parity import compare, errors_alone, first_difference, side_of
from playd.cli.rehearsals import compile_everything
from playd.control.render import json_text
from playd.core.errors import PlaydError, PlayError, RecordError, SettingsError
from playd.core.timeframes import MINUTE_MS
from playd.kernels.every import every_kernel
from playd.plays.findings import did_you_mean
from playd.plays.model import Play
from playd.plays.words import PATTERNS
from playd.research.pattern_market import pattern_market
from playd.research.validation.pattern_trades import SEED, Golden, golden_lines, golden_text, trades_of
from playd.research.validation.tiers import TIERS, Check, Tier, checks_of, run_check
from playd.research.validation.verdict import Verdict
from playd.supervisor.plays import SUFFIXES, read_play
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop

EXIT_FAULTS: Final = 10
GOLDEN: Final = PurePath("config/golden/pattern_trades.txt")

_WIRE_MINUTES: Final = 9000
_WIRE_BARS: Final = (400, 2000)
"""How long a Play trades over the wire, warm-up included: so many minutes, within these numbers of execution bars."""


def validate(tier: str, *, as_json: bool, accept: bool) -> int:
    """
    Run a tier; 0 when everything passed, 10 when not. `accept` writes the golden lines instead.

    Raises `SettingsError` for an unknown tier or a damaged golden file, `RecordError` when writing fails.
    """
    world = real_world()
    known = next((one for one in TIERS if one == tier), None)
    if known is None:
        raise SettingsError(f"tier {tier!r}: expected {', '.join(TIERS)}{did_you_mean(tier, TIERS)}")
    plays: dict[str, Play] = {}  # filled by the first check
    if accept:
        return _accept(world, _read_plays(world, plays), plays)
    golden = _golden(world)
    checks = [
        Check("kernels compile", lambda: _compile(world)),
        Check("Plays parse", lambda: _read_plays(world, plays)),
        *checks_of(known, plays, golden),
    ]
    if known == "full":
        checks.append(Check("backtest against paper", lambda: _check_wire(world, plays, golden)))
    return _run(world, known, checks, as_json=as_json)


def _run(world: World, tier: Tier, checks: Iterable[Check], *, as_json: bool) -> int:
    rows: list[dict[str, object]] = []
    begun_s = world.clock.mono_s()
    for check in checks:
        at_s = world.clock.mono_s()
        verdict = run_check(check)
        took_s = world.clock.mono_s() - at_s
        rows.append(
            {
                "check": check.name,
                "ok": verdict.passed,
                "checked": verdict.checked,
                "unit": verdict.unit,
                "faults": verdict.faults,
                "note": verdict.note,
                "took_s": round(took_s, 2),
            }
        )
        if not as_json:
            print(f"{_word(verdict.passed)}  {check.name:24}{took_s:7.1f} s  {verdict.text}", flush=True)
    passed = sum(bool(row["ok"]) for row in rows)
    ok, total_s = passed == len(rows), world.clock.mono_s() - begun_s
    if as_json:
        print(json_text({"ok": ok, "tier": tier, "took_s": round(total_s, 2), "checks": rows}))
    else:
        print(f"{_word(ok)}  {tier:24}{total_s:7.1f} s  {passed} of {len(rows)} checks passed")
    return 0 if ok else EXIT_FAULTS


def _word(passed: bool) -> str:
    return "pass" if passed else "FAIL"


def _compile(world: World) -> Verdict:
    """All of them into the cache, where they are not there, on two processors at once."""
    verdict = Verdict("kernels", len(list(every_kernel())))
    verdict.expect(run_loop(lambda _: compile_everything(world), world), "a compiling process failed")
    return verdict


def _read_plays(world: World, plays: dict[str, Play]) -> Verdict:
    """Every Play of the plays folder, by its stem; what cannot be read is a fault."""
    folder, verdict = world.process.working_dir() / PLAYS_DIR, Verdict("Plays")
    if not world.disk.exists(folder):
        verdict.faults.append(f"{folder}: no such folder; run it where playd is installed")
        return verdict
    names = world.disk.list(folder)
    for name in sorted(name for name in names if PurePath(name).suffix in SUFFIXES):
        verdict.checked += 1
        try:
            plays[PurePath(name).stem] = read_play(world.disk, folder / name)
        except PlayError as error:
            verdict.faults.append(f"{name}: {error.findings[0]}")
    return verdict


def _golden(world: World) -> dict[tuple[str, str], str]:
    """The golden lines; none when there is no file."""
    path = world.process.working_dir() / GOLDEN
    if not world.disk.exists(path):
        return {}
    try:
        return golden_lines(world.disk.read_bytes(path).decode())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _accept(world: World, parsed: Verdict, plays: dict[str, Play]) -> int:
    """Write what the Plays trade now as golden lines, all of them anew."""
    found, broken = trades_of(plays, PATTERNS)
    if faults := [*parsed.faults, *broken]:
        raise SettingsError(f"--accept writes nothing while a Play does not run: {faults[0]}")
    path = world.process.working_dir() / GOLDEN
    try:
        world.disk.mkdir(path.parent)
        world.disk.write_replace(path, golden_text(found).encode(), keep_previous=False, mode=0o644)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error
    print(f"{path}: {len(found)} lines written", file=sys.stderr)
    return 0


def _check_wire(world: World, plays: Mapping[str, Play], golden: Golden) -> Verdict:
    """Every Play, on the pattern on which it trades most, as a backtest and by the daemon over sockets: the same bits."""
    errors_alone(world)
    verdict, trades = Verdict("Plays"), 0
    for stem, play in plays.items():
        pattern, (least, most) = _liveliest(stem, golden), _WIRE_BARS
        bars = min(most, max(least, _WIRE_MINUTES * MINUTE_MS // play.timeframes.exec_ms))
        verdict.checked += 1
        try:
            result, trader = compare(world, play, pattern_market(play, pattern, SEED, bars))
        except PlaydError as error:
            verdict.faults.append(f"{stem} on {pattern}: {error}")
            continue
        difference = first_difference(side_of(result), trader)
        verdict.expect(difference is None, f"{stem} on {pattern}: {difference}")
        trades += len(trader.trades)
    verdict.expect(trades > 0, "no Play traded, so that no fill was compared")
    verdict.note = f"{trades} trades of the daemon's"
    return verdict


def _liveliest(stem: str, golden: Golden) -> str:
    """The pattern on which a Play trades most, by its golden lines; the first one without any."""
    return max(PATTERNS, key=lambda pattern: int(golden.get((stem, pattern), "0").split()[0]))
