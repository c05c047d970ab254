"""What readings of an account leave in the ledger: balances, the figures they were judged by, the mode of its positions."""

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from playd.core.orders import Wallet
from playd.core.timeframes import DAY_MS
from playd.orders.breakers import Standing
from playd.orders.ledger import Ledger
from playd.orders.rows import plain, text
from playd.world.ports import Clock

BALANCE_EVERY_MS: Final = 60_000
"""Least time between two stored balances of one UTC day; a fast local market reports thousands."""

ONE_WAY: Final = "one_way"
_FINEST: Final = Decimal("0.00000001")


class AccountRows:
    """Rows of one account in `equity` and `accounts`. Commits nothing."""

    def __init__(self, ledger: Ledger, clock: Clock, account: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self._account = account
        self._written_ms = 0
        self._balance_ms = -1
        """The venue's time of the newest balance that was stored; `_is_judged` says whether its figures are known."""
        self._is_judged = False
        self._mode = ""

    def note_balance(self, wallet: Wallet) -> None:
        """Store a balance, unless one of the same UTC day was stored within the last minute."""
        now_ms, day = self._clock.wall_ms(), wallet.time_ms // DAY_MS
        if now_ms - self._written_ms < BALANCE_EVERY_MS and day == self._balance_ms // DAY_MS:
            return
        self._written_ms = now_ms
        self._store(wallet)

    def _store(self, wallet: Wallet) -> None:
        self._balance_ms, self._is_judged = wallet.time_ms, False
        self._ledger.write(
            "INSERT OR REPLACE INTO equity (account, ms, equity, wallet_balance, unrealised, source)"
            " VALUES (?,?,?,?,?,'venue')",
            (
                self._account,
                wallet.time_ms,
                text(wallet.equity_usdt),
                text(wallet.balance_usdt),
                text(wallet.unrealised_usdt),
            ),
        )

    def note_standing(self, wallet: Wallet, standing: Standing, transfers: Decimal | None) -> None:
        """
        Put beside the newest stored balance what breakers went by. One that was never judged, because something was booked
        meanwhile, is followed by the next that was. `transfers` is what came in less what went out since the day began.

        The start of the day and the highest are told as equity: what there would be now without the results since then. So the
        fall from either, in percent of it, is what a breaker compares with its limit.
        """
        if wallet.time_ms != self._balance_ms:
            if self._is_judged:
                return
            self._store(wallet)
        self._is_judged = True
        equity, day_start = standing.equity - standing.index, standing.day_start
        self._ledger.write(
            "UPDATE equity SET transfers = ?, day_start = ?, high_water = ? WHERE account = ? AND ms = ?",
            (
                _rounded(transfers),
                _rounded(None if day_start is None else equity + day_start),
                _rounded(equity + standing.high),
                self._account,
                wallet.time_ms,
            ),
        )

    def note_modes(self, hedged: Collection[str], *, looked_at_all: bool) -> None:
        """
        Say in the account's row whether all its symbols are in one-way mode, or which are not. That all are is said once every
        one was looked at: a list of open positions shows no mode of what is flat.
        """
        if not hedged and not looked_at_all:
            return
        mode = f"hedge {' '.join(sorted(hedged))}" if hedged else ONE_WAY
        if mode != self._mode:
            self._mode = mode
            self._ledger.write("UPDATE accounts SET position_mode = ? WHERE alias = ?", (mode, self._account))


def _rounded(value: Decimal | None) -> str | None:
    """To the venue's last digit: average prices have more."""
    return None if value is None else plain(value.quantize(_FINEST))
