"""The key of an account: accepted or refused before anything is done with it, and watched until it expires."""

from collections.abc import Callable
from typing import Final

from playd.core.errors import CredentialError, LinkError, Refused, VenueError
from playd.core.orders import VenuePosition
from playd.core.timeframes import DAY_MS
from playd.orders.desk import Desk
from playd.orders.halts import Level, account_scope
from playd.orders.ledger import Ledger
from playd.venues.bybit.key_check import LAST_DAYS, key_expires_soon, key_refusal, mode_refusal
from playd.venues.port import KeyInfo, Priority

LOOK_EVERY_S: Final = 3600.0
"""Time between two readings of a key in use: its rights may be changed, and its days run out."""

REFUSED_EVERY_S: Final = 30.0
"""The same while the account is refused: a key that works again is used again."""

WARN_DAYS: Final = (LAST_DAYS, 7, 14)
"""Days before its expiry at which a key is warned about, the last one first."""

ACCEPTED: Final = "accepted"


def forget_standings(ledger: Ledger) -> None:
    """A start knows no account as accepted before it has asked: what stood under another name may be gone from the settings."""
    ledger.write("UPDATE accounts SET state = 'unknown' WHERE state = ?", (ACCEPTED,))


class KeyWatch:
    """Judges what the venue says about the key of one account. `accept` first, `look_again` at times afterwards."""

    def __init__(self, desk: Desk, *, expected_uid: str, allow_unbound_key: bool, margin_mode: str) -> None:
        self._desk = desk
        self._margin_mode = margin_mode
        self._expected_uid = expected_uid
        self._allow_unbound_key = allow_unbound_key
        self._info: KeyInfo | None = None
        self._warned_days: int | None = None
        self._found_mode = ""
        """Margin mode of the account as the venue last said, in its word."""
        self.on_mode: Callable[[str, bool], None] = lambda _symbol, _hedged: None
        """Hears of every symbol that was looked at, and whether it is in hedge mode; set by the account."""

    async def accept(self) -> None:
        """
        Read the key and the account's modes back and note the account as accepted.

        Raises:
            CredentialError: The key or the account is refused; nothing but these questions has been asked with it.
            VenueError, LinkError: The venue could not be asked.
        """
        info = await self._desk.port.key_info()
        refusal = self._refusal(info) or await self._mode_refusal() or self._twin(info)
        self._write(info, refusal or "")
        if refusal is not None:
            raise CredentialError(f"account {self._desk.alias}: {refusal}")
        self._take(info)

    async def look_again(self) -> None:
        """
        Read the key of a running account. One that must not be used any more opens no risk; exits go on while it can. So does
        one that the venue does not know, or not any more, or not from where we are.

        One that was refused and is as it should be may open risk again; what was halted for it waits for a person.
        """
        desk, info = self._desk, None
        try:
            info = await desk.port.key_info()
            refusal = self._refusal(info) or await self._mode_refusal() or self._twin(info)
        except Refused as error:
            refusal = str(error)
        except (VenueError, LinkError):
            return  # every other request of the account shows the same trouble sooner
        self._write(info, refusal or "")
        before, desk.condition.refused = desk.condition.refused, refusal or ""
        if refusal is not None:
            desk.refuse_account(refusal)
        elif before:
            desk.incidents.resolve("ACCOUNT_REFUSED", account_scope(desk.alias), "the venue takes the key")
        if info is not None:
            self._take(info)

    async def look_at(self, symbol: str) -> VenuePosition | None:
        """
        A symbol's row at the venue, also while it is flat.

        One in hedge mode has two; it is halted: the venue takes no order there that names no side, and ours name none.

        Raises:
            VenueError, LinkError: The venue could not be asked.
        """
        held = await self._desk.port.positions(symbol, priority=Priority.RECONCILE)
        rows = [position for position in held if position.symbol == symbol]
        hedged = any(position.position_idx for position in rows)
        self.on_mode(symbol, hedged)
        if hedged:
            note = f"{symbol} is in hedge mode at the venue: switch it to one-way there, then resume"
            self._desk.halt_symbol(symbol, Level.HALT, "SYMBOL_REFUSED", note)
        return rows[0] if rows else None

    @property
    def uid(self) -> str:
        """Whose key it is, as the venue last said; empty before the first answer."""
        return "" if self._info is None else self._info.uid

    @property
    def days_left(self) -> int | None:
        """Days until the key ends as the venue last said; None for one without an end, or before the first answer."""
        return None if self._info is None else self._info.days_left

    async def ask(self) -> tuple[KeyInfo, str]:
        """What the venue says about the key now, and why it must not be used, if so. Raises `VenueError`, `LinkError`."""
        info = await self._desk.port.key_info()
        return info, self._refusal(info) or ""

    def start_refusal(self) -> str:
        """Why no instance may be started on the account, or the empty text."""
        if self._info is None or not key_expires_soon(self._info):
            return ""
        days = self._info.days_left
        return f"the key of account {self._desk.alias} has {days} days left; nothing is started on its last {LAST_DAYS}"

    async def _mode_refusal(self) -> str | None:
        """What is wrong with the account's modes; the port reads wallets by what it hears here."""
        found = await self._desk.port.account_info()
        self._found_mode = found.margin_mode
        return mode_refusal(found, self._margin_mode)

    def _refusal(self, info: KeyInfo) -> str | None:
        return key_refusal(
            info,
            self._desk.environment,
            expected_uid=self._expected_uid,
            allow_unbound_key=self._allow_unbound_key,
        )

    def _twin(self, info: KeyInfo) -> str | None:
        """Why not beside another account of the same user, accepted since the start: it would close that one's positions."""
        desk = self._desk
        found = desk.ledger.row(
            "SELECT alias FROM accounts WHERE environment = ? AND uid = ? AND state = ? AND alias <> ?",
            (desk.environment, info.uid, ACCEPTED, desk.alias),
        )
        if found is None:
            return None
        return (
            f"its key belongs to uid {info.uid}, as that of account {found['alias']}: one user of a venue is one account here"
        )

    def _take(self, info: KeyInfo) -> None:
        """Remember the key and warn once at each of its last marks."""
        self._info = info
        scope, incidents = account_scope(self._desk.alias), self._desk.incidents
        mark = next((days for days in WARN_DAYS if info.days_left is not None and info.days_left <= days), None)
        if mark is None:
            incidents.resolve("KEY_EXPIRES", scope, "the key has more days left")
        elif mark != self._warned_days:
            incidents.open("KEY_EXPIRES", "warning", scope, f"the key expires in {info.days_left} days")
        self._warned_days = mark

    def _write(self, info: KeyInfo | None, refusal: str) -> None:
        """What was found; of a key that the venue tells nothing of (None) what it told before stays."""
        desk, now_ms = self._desk, self._desk.clock.wall_ms()
        uid = self.uid if info is None else info.uid
        desk.chronicle.tell("auth.checked", "", "", None, {"uid": uid, "refusal": refusal})
        desk.ledger.write(
            "INSERT INTO accounts (alias, environment, uid, checked_ms, state, reason) VALUES (?,?,?,?,?,?)"
            " ON CONFLICT DO UPDATE SET environment = excluded.environment, uid = excluded.uid,"
            " checked_ms = excluded.checked_ms, state = excluded.state, reason = excluded.reason",
            (desk.alias, desk.environment, uid, now_ms, "refused" if refusal else ACCEPTED, refusal),
        )
        if info is not None:
            expires_ms = None if info.days_left is None else now_ms + info.days_left * DAY_MS
            desk.ledger.write(
                "UPDATE accounts SET key_fingerprint = ?, rights = ?, key_expires_ms = ?, margin_mode = ? WHERE alias = ?",
                (info.fingerprint, info.rights, expires_ms, self._found_mode, desk.alias),
            )
