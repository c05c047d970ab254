"""Requests of whoever runs the exchange: make accounts, hold the market, look at its clock."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from aiohttp import web

from playd.core.errors import SettingsError
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.text import plain

TOKEN_HEADER: Final = "X-Playd-Token"
_ACCOUNT_NUMBERS: Final = (
    "wallet_usdt",
    "taker_bps",
    "maker_bps",
    "slippage_bps",
    "maintenance_rate",
    "maintenance_deduction_usdt",
)


def market_status(floor: Floor) -> dict[str, Any]:
    """The market clock and what is listed. Open to everybody."""
    books, market = floor.books, floor.market
    return {
        "symbols": list(books.listings),
        "base_step_ms": floor.feed.step_ms,
        "first_ms": floor.feed.first_ms,
        "start_ms": floor.feed.start_ms,
        "market_now_ms": books.time.now_ms,
        "inside_candle": books.time.inside,
        "speed": market.pace.speed,
        "lockstep": floor.config.lockstep,
        "held": market.held,
        "ended": market.ended,
        "accounts": len(books.accounts),
        "clients": len(floor.clients),
    }


def create_account(floor: Floor, body: dict[str, Any]) -> dict[str, Any]:
    """Make or find an account; answers with its key and secret. Raises `SettingsError`."""
    unknown = set(body) - {"alias", "read_only", *_ACCOUNT_NUMBERS}
    if unknown:
        raise SettingsError(f"unknown {', '.join(sorted(unknown))}; expected alias, read_only, {', '.join(_ACCOUNT_NUMBERS)}")
    numbers = {name: _number(name, body[name]) for name in _ACCOUNT_NUMBERS if name in body}
    wallet = numbers.pop("wallet_usdt", None)
    if wallet is None:
        raise SettingsError("wallet_usdt is needed")
    rates = {name: float(number) for name, number in numbers.items()}
    alias = str(body.get("alias", ""))
    key, secret = floor.create_account(alias, wallet_usdt=wallet, read_only=bool(body.get("read_only")), **rates)
    account = floor.account_of_key(key)
    return {"alias": alias, "uid": account.uid if account else 0, "key": key, "secret": secret, "wallet_usdt": plain(wallet)}


def steer_market(floor: Floor, body: dict[str, Any]) -> dict[str, Any]:
    """`held` holds or releases the market, `speed` paces it. Raises `SettingsError`."""
    unknown = set(body) - {"held", "speed"}
    if unknown:
        raise SettingsError(f"unknown {', '.join(sorted(unknown))}; expected held, speed")
    if "speed" in body:
        speed = float(_number("speed", body["speed"]))
        if speed < 0:
            raise SettingsError("speed must not be negative; 0 is as fast as possible")
        floor.market.pace.speed = speed
    if "held" in body:
        (floor.hold if body["held"] else floor.release)()
    return market_status(floor)


def may(floor: Floor, request: web.Request) -> bool:
    """Whether a request carries the admin token."""
    return request.headers.get(TOKEN_HEADER, "") == floor.admin_token


def _number(name: str, value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise SettingsError(f"{name} {value!r} is not a number")
    return number
