"""`playd play test`: a Play against its own expectations, on the synthetic market that it names."""

import sys
from collections.abc import Sequence
from typing import Final

from playd.cli.inputs import play_of
from playd.control.render import json_text, render_pairs
from playd.research.trial_run import TrialRun, run_trial
from playd.world.real import real_world

EXIT_NOT_MET: Final = 1


def try_play(given: str, overrides: Sequence[str], *, as_json: bool) -> int:
    """Run the trial and print every expectation; 0 when all are met, 1 when not. Raises `PlayError`."""
    play = play_of(real_world(), given, overrides)
    trial = run_trial(play)
    if as_json:
        print(json_text(_as_json(trial)))
        return 0 if trial.passed else EXIT_NOT_MET
    for warning in play.warnings:
        print(warning, file=sys.stderr)
    if trial.both_true:
        where = f"{play.source}: W454 actions"
        print(f"{where}: both entries were true at {trial.both_true} closes; one of them gives way", file=sys.stderr)
    metrics = trial.result.metrics
    lines = [
        ("play", f"{play.name} ({play.play_hash[:16]})"),
        (
            "market",
            f"{trial.pattern}, seed {trial.seed}, {trial.bars} bars of {trial.result.program.clocks[_exec(trial)].name}",
        ),
        ("trades", str(metrics["trades"])),
        ("net profit USDT", f"{trial.result.final_equity_usdt - trial.result.start_equity_usdt:.2f}"),
        ("ended", trial.result.ended),
    ]
    checks = [
        (f"{'pass' if one.met else 'FAIL'}  {one.key}", f"{one.found} (expected {one.wanted})") for one in trial.expectations
    ]
    print(render_pairs([*lines, *(checks or [("expectations", "none is written")])]))
    return 0 if trial.passed else EXIT_NOT_MET


def _exec(trial: TrialRun) -> int:
    return trial.result.program.exec_clock


def _as_json(trial: TrialRun) -> dict[str, object]:
    return {
        "ok": trial.passed,
        "play": trial.result.play.name,
        "pattern": trial.pattern,
        "seed": trial.seed,
        "bars": trial.bars,
        "trades": trial.result.metrics["trades"],
        "ended": trial.result.ended,
        "final_equity_usdt": trial.result.final_equity_usdt,
        "both_entries_true": trial.both_true,
        "expectations": [
            {"key": one.key, "wanted": one.wanted, "found": one.found, "met": one.met} for one in trial.expectations
        ],
        "hashes": trial.result.hashes,
    }
