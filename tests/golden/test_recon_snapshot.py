"""A reconciliation that an older program kept is read, judged and planned as it was then."""

import gzip
from pathlib import Path, PurePath

from playd.ops.recon_snapshots import FOLDER, ReconSnapshots
from playd.orders.reconcile import DiffClass
from playd.world.virtual import virtual_world

KEPT = Path(__file__).parent / "recon_snapshot.json"
"""Of a program that kept neither pages nor its version: one difference of each class that a run tells."""


def test_a_run_that_an_older_program_kept_gives_the_same_plan() -> None:
    world, state = virtual_world(), PurePath("/state")
    folder = state / FOLDER / "2026-01-31"
    world.disk.mkdir(state)
    world.disk.mkdir(state / FOLDER)
    world.disk.mkdir(folder)
    world.disk.write_replace(folder / "12.json.gz", gzip.compress(KEPT.read_bytes()), keep_previous=False)
    kept, found, planned = ReconSnapshots(world.disk, world.clock, state, 90).replay(12)
    assert (kept.account, kept.version, kept.inputs.pages) == ("main", "", ())
    assert {each.cls for each in found} == set(DiffClass) - {DiffClass.AHEAD, DiffClass.ENDED, DiffClass.EXECUTION}
    assert planned == kept.planned
