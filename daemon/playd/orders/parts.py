"""What one execution did to several owners, in a part for each: every share stays the fold of its own. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from playd.core.orders import Execution
from playd.orders.fills import Share
from playd.orders.fold import DELIVERY, REST, moves_position
from playd.orders.order_book import FOREIGN

_ZERO: Final = Decimal(0)


def parts_of(
    execution: Execution,
    held: Sequence[Share],
    first: str,
    beyond: str = FOREIGN,
    owed: Mapping[str, Decimal] = MappingProxyType({}),
) -> Sequence[tuple[Execution, str]]:
    """
    An execution that does something to the shares of others, in parts with their owners; empty when no share explains it.

    `held` are the open shares of its symbol. A delivery ends each, funding is paid by each for its size. What closes is taken
    from the share of `first`, then from those of the other instances, then from nobody's; what goes beyond all of them opens a
    position of `beyond`, which is somebody else's for the venue's button to reverse. Before all that each owner has what is
    `owed` to it, if it holds so much.
    """
    if execution.exec_type == DELIVERY or (execution.exec_type == "Funding" and _one_sided(held)):
        parts = divided(execution, [abs(share.position.signed_qty) for share in held])
        return [(part, share.owner) for part, share in zip(parts, held, strict=False)]
    closing = [share for share in held if share.position.side is execution.side.opposite]
    if not moves_position(execution) or not closing:
        return ()
    closing.sort(key=lambda share: (share.owner != first, share.owner == FOREIGN, share.owner))
    open_qty = {share.owner: abs(share.position.signed_qty) for share in closing}
    taken, left = dict.fromkeys(open_qty, _ZERO), execution.qty
    for most in ({owner: min(qty, owed.get(owner, _ZERO)) for owner, qty in open_qty.items()}, open_qty):
        for owner, qty in most.items():
            more = min(left, qty - taken[owner])
            taken[owner] += more
            left -= more
    sizes = [(owner, qty) for owner, qty in taken.items() if qty]
    if left > 0:
        sizes.append((beyond, left))
    return list(zip(divided(execution, [qty for _, qty in sizes]), [owner for owner, _ in sizes], strict=True))


def _one_sided(held: Sequence[Share]) -> bool:
    """Whether several hold a symbol, all of them on one side."""
    return len(held) > 1 and len({share.position.side for share in held}) == 1


def divided(execution: Execution, sizes: Sequence[Decimal]) -> Sequence[Execution]:
    """
    An execution in parts of these sizes, which share its fee by size; the last has what is left of it to the digit.

    The first part keeps the venue's id, so that the whole is known by it; the others have it with `REST` and their number.
    """
    if len(sizes) < 2:
        return (execution,)
    whole, fee_left, parts = sum(sizes, _ZERO), execution.fee, list[Execution]()
    for n, qty in enumerate(sizes):
        fee = fee_left if n == len(sizes) - 1 else execution.fee * qty / whole
        fee_left -= fee
        name = f"{execution.exec_id}{REST}{n}" if n else execution.exec_id
        parts.append(
            replace(execution, exec_id=name, qty=qty, value=qty * execution.price, fee=fee, closed_size=_ZERO, exec_pnl=_ZERO)
        )
    return parts
