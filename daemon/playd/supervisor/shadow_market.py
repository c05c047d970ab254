"""Which market a shadow follows, and since when: what it did on another than the real one is no practice for real money."""

from typing import Final

from playd.core.modes import Environment
from playd.market.recorded_days import market_of
from playd.orders.ledger import Ledger

_KEY: Final = "shadow_market:"


def note_market(ledger: Ledger, uid: str, environment: Environment, now_ms: int) -> None:
    """A shadow follows the market of an environment from now on, if it did not before. Durable with the next commit."""
    market = market_of(environment)
    if _noted(ledger, uid)[0] != market:
        ledger.set_meta(f"{_KEY}{uid}", f"{market} {now_ms}")


def real_since_ms(ledger: Ledger, uid: str) -> int | None:
    """Since when (epoch ms) a shadow has followed the real market without a break, None while it does not."""
    market, since_ms = _noted(ledger, uid)
    return since_ms if market == Environment.LIVE else None


def _noted(ledger: Ledger, uid: str) -> tuple[str, int]:
    market, _, since_ms = (ledger.meta(f"{_KEY}{uid}") or "").partition(" ")
    return market, int(since_ms or 0)
