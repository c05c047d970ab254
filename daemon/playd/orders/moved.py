"""What moved here while the venue was read: a reading that spans a change of ours is void for the symbol that changed."""

from playd.orders.desk import Desk


class Marks:
    """How far fills, orders and sides of every symbol were when this was made. Holds for the life of the process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._before = self._now()

    def moved(self) -> set[str]:
        """Symbols whose fills, orders or sides changed here since."""
        return {
            symbol
            for old, new in zip(self._before, self._now(), strict=True)
            for symbol in new
            if old.get(symbol) != new[symbol]
        }

    def _now(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        return dict(self._desk.fills.version), dict(self._desk.book.changes), dict(self._desk.shown.version)
