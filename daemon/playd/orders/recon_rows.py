"""Runs of reconciliation in the ledger: what each found, what that was worth, what became of it, where its inputs are."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.orders.ledger import Ledger
from playd.orders.reconcile import DiffClass, Difference, ReconInputs, Repair, RepairKind
from playd.orders.rows import plain

UNEXPLAINED: Final = f"repair = '{RepairKind.HALT}'"
"""Condition for the differences that nothing explains: what a person must look at."""

REPAIRED: Final = f"repair NOT IN ('{RepairKind.HALT}', '{RepairKind.ALERT}')"
"""Condition for those that something was done about."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The file that holds the inputs of a run, as seen from the state directory, and its SHA-256; empty where there is none."""

    file: str = ""
    digest: str = ""


def write_difference(
    ledger: Ledger, run: int, n: int, difference: Difference, repair: Repair, became: str, worth_usd: Decimal | None
) -> None:
    """
    One difference of a run. `became` says what explained or ended it; of what a person must look at nothing does.

    `repair_link_id` is the order that the repair is about, where it is about one.
    """
    about = difference.key if repair.kind in (RepairKind.RESOLVE, RepairKind.SWEEP) else ""
    ledger.write(
        "INSERT INTO recon_diffs (run, n, class, scope, ours, theirs, repair, repair_link_id, value_usd, explained_by)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            run,
            n,
            difference.cls,
            difference.symbol,
            difference.ours,
            difference.theirs,
            repair.kind,
            about,
            None if worth_usd is None else plain(worth_usd),
            "" if repair.kind is RepairKind.HALT else became,
        ),
    )


def note_kept(ledger: Ledger, run: int, kept: Kept) -> None:
    """Say where the inputs of a run are."""
    ledger.write("UPDATE recon_runs SET inputs_file = ?, inputs_digest = ? WHERE id = ?", (kept.file, kept.digest, run))


def worth_usd(difference: Difference, inputs: ReconInputs) -> Decimal | None:
    """
    What a difference is about, in USD at the venue's mark: the quantity that differs, the order, or the whole position whose
    stop or mode is not as it should be. None where no price is known.
    """
    here = [each for each in inputs.venue.positions if each.symbol == difference.symbol]
    mark = next((each.mark_price for each in here if each.mark_price), None)
    if difference.cls is DiffClass.POSITION:
        return _times(abs(Decimal(difference.ours) - Decimal(difference.theirs)), mark)
    if difference.cls in (DiffClass.PROTECTION, DiffClass.MODE):
        return _times(sum((abs(each.signed_qty) for each in here), Decimal(0)), mark)
    order = next((row for row in inputs.local.orders if row.link_id == difference.key), None)
    return None if order is None else _times(order.open_qty, order.price or order.trigger or mark)


def _times(qty: Decimal, price: Decimal | None) -> Decimal | None:
    return None if price is None else qty * price
