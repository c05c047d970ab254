"""Requests of whoever runs the exchange: make accounts and keys, hold the market, look at its clock and its ledger."""

import hmac
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, Final

from aiohttp import web

from playd.core.errors import SettingsError
from playd.core.timeframes import DAY_MS
from playd.market.feed import GrowingFeed
from playd.market.proportion import in_proportion
from playd.venues.exchange.auth import check_public_key
from playd.venues.exchange.config import ENVIRONMENTS
from playd.venues.exchange.faults.script import read_posted
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.keys import RIGHTS, ApiKey
from playd.venues.exchange.ledger import directory_of, read
from playd.venues.exchange.model import Account
from playd.venues.exchange.text import plain

Body = dict[str, Any]

TOKEN_HEADER: Final = "X-Playd-Token"
_ACCOUNT_NUMBERS: Final = (
    "wallet_usdt",
    "taker_bps",
    "maker_bps",
    "slippage_bps",
    "maintenance_rate",
    "maintenance_deduction_usdt",
)
VIP_MAX: Final = 100
"""Far above the highest level that there is, which all above it are like."""

DAYS_MAX: Final = 36_500
"""A hundred years, before or after now: dates are written with four digits of a year."""

LEDGER_PAGE_MAX: Final = 10_000
_LEDGER_NUMBERS: Final = {"after": 0, "limit": 1000, "uid": 0}
_ALL_RIGHTS: Final = tuple(right for rights in RIGHTS.values() for right in rights)


def market_status(floor: Floor) -> Body:
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
        "on_clock": floor.config.on_clock,
        "lockstep": floor.config.lockstep,
        "held": market.held,
        "ended": market.ended,
        "accounts": len(books.accounts),
        "clients": len(floor.clients),
    }


def accounts(floor: Floor, _: Body) -> Body:
    """Every account with its keys; secrets are not shown."""
    return {
        "accounts": [
            {
                "alias": account.alias,
                "uid": account.uid,
                "wallet_usdt": plain(account.wallet),
                "keys": [_shown(key) for key in floor.keys.of_user(account.uid)],
            }
            for account in floor.books.accounts.values()
        ]
    }


def create_account(floor: Floor, body: Body) -> Body:
    """Make or find an account; answers with its first key and that key's secret. Raises `SettingsError`."""
    _check_names(body, ("alias", "read_only", "vip", *_ACCOUNT_NUMBERS))
    numbers = {name: _number(name, body[name]) for name in _ACCOUNT_NUMBERS if name in body}
    wallet = numbers.pop("wallet_usdt", None)
    if wallet is None:
        raise SettingsError("wallet_usdt is needed")
    rates = {name: float(number) for name, number in numbers.items()}
    alias, vip = str(body.get("alias", "")), int(_number("vip", body.get("vip", 0), VIP_MAX))
    key, secret = floor.create_account(alias, wallet_usdt=wallet, read_only=bool(body.get("read_only")), vip=vip, **rates)
    uid = _account(floor, {"alias": alias}).uid
    return {"alias": alias, "uid": uid, "key": key, "secret": secret, "wallet_usdt": plain(wallet)}


def create_key(floor: Floor, body: Body) -> Body:
    """
    Make one more key of an account, or change the one named by `key`; answers with it and, when it is new, its secret.

    `rsa_public_key` makes a key whose secret only its owner has. Raises `SettingsError`.
    """
    allowed = ("alias", "key", "note", "read_only", "rights", "addresses", "environment", "expires_in_days", "rsa_public_key")
    _check_names(body, allowed)
    account = _account(floor, body)
    clock, random = floor.world.clock, floor.world.random
    found = floor.keys.find(str(body["key"])) if "key" in body else None
    if "key" in body and (found is None or found.uid != account.uid):
        raise SettingsError(f"account {account.alias!r} has no key {str(body['key'])[:40]!r}")
    base = found or ApiKey(
        random.token(9), random.token(18), account.uid, environment=floor.config.environment, created_ms=clock.wall_ms()
    )
    key = replace(base, **_key_fields(body, clock.wall_ms()))
    floor.keys.keep(key)
    return {**_shown(key), **({} if found or key.rsa else {"secret": key.secret})}


def ledger(floor: Floor, query: Body) -> Body:
    """
    Entries of the exchange's ledger above number `after`, oldest first, at most `limit`; of one `kind` or about one `uid`.

    Raises `SettingsError`.
    """
    _check_names(query, ("after", "limit", "kind", "uid"))
    after, limit, uid = (int(_number(name, query.get(name, default))) for name, default in _LEDGER_NUMBERS.items())
    found = read(floor.world.disk, directory_of(floor.config.records_path), after=after, kind=query.get("kind", ""), uid=uid)
    return {"entries": list(islice(found, min(max(limit, 1), LEDGER_PAGE_MAX)))}


def steer_market(floor: Floor, body: Body) -> Body:
    """
    `held` holds or releases the market, `step` lets so many candles pass and holds it again, `speed` paces it.

    Raises `SettingsError`.
    """
    _check_names(body, ("held", "speed", "step"))
    if "held" in body and "step" in body:
        raise SettingsError("give either held or step")
    if "speed" in body:
        if floor.config.on_clock:
            raise SettingsError("this market keeps the machine's time: it has no speed, only held")
        if isinstance(floor.feed, GrowingFeed):
            raise SettingsError("this market has the pace of its source: it has no speed, only held and step")
        speed = float(_number("speed", body["speed"]))
        if speed < 0:
            raise SettingsError("speed must not be negative; 0 is as fast as possible")
        floor.market.pace.speed = speed
    if "step" in body:
        step = _number("step", body["step"])
        if step < 1 or step != int(step):
            raise SettingsError(f"step {step} is not a whole number of candles, 1 or more")
        floor.market.step(int(step))
    if "held" in body:
        (floor.hold if body["held"] else floor.release)()
    return market_status(floor)


def faults(floor: Floor, _: Body) -> Body:
    """Every fault with what it has seen and hit."""
    return {"faults": floor.faults.rows()}


def arm_faults(floor: Floor, body: Body) -> Body:
    """Put the faults of a script in force, beside those that are. All of them or, with `SettingsError`, none."""
    floor.faults.arm(read_posted(body))
    return faults(floor, body)


def heal_faults(floor: Floor, _: Body) -> Body:
    """End every fault."""
    return {"healed": floor.faults.heal()}


def may(floor: Floor, request: web.Request) -> bool:
    """Whether a request carries the admin token."""
    return hmac.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), floor.admin_token.encode())


def _key_fields(body: Body, wall_ms: int) -> dict[str, Any]:
    """What a request says about a key, checked."""
    fields: dict[str, Any] = {}
    if "note" in body:
        fields["note"] = str(body["note"])
    if "read_only" in body:
        fields["read_only"] = bool(body["read_only"])
    if "rights" in body:
        fields["rights"] = _words("rights", body["rights"], _ALL_RIGHTS)
    if "addresses" in body:
        fields["addresses"] = _words("addresses", body["addresses"], None)
    if "environment" in body:
        (fields["environment"],) = _words("environment", [body["environment"]], ENVIRONMENTS)
    if "expires_in_days" in body:
        fields["expires_ms"] = wall_ms + round(_number("expires_in_days", body["expires_in_days"], DAYS_MAX) * DAY_MS)
    if "rsa_public_key" in body:
        try:
            check_public_key(str(body["rsa_public_key"]))
        except ValueError as error:
            raise SettingsError(f"rsa_public_key is not a public key in PEM form: {error}") from None
        fields["rsa"], fields["secret"] = True, str(body["rsa_public_key"])
    return fields


def _shown(key: ApiKey) -> Body:
    return {
        "key": key.key,
        "note": key.note,
        "read_only": key.read_only,
        "rights": list(key.rights),
        "addresses": list(key.addresses),
        "environment": key.environment,
        "rsa": key.rsa,
        "expires_ms": key.expires_ms,
    }


def _account(floor: Floor, body: Body) -> Account:
    alias = str(body.get("alias", ""))
    found = next((account for account in floor.books.accounts.values() if account.alias == alias), None)
    if found is None:
        raise SettingsError(f"no account {alias!r}; there are {', '.join(a.alias for a in floor.books.accounts.values())}")
    return found


def _check_names(body: Body, allowed: tuple[str, ...]) -> None:
    unknown = set(body) - set(allowed)
    if unknown:
        raise SettingsError(f"unknown {', '.join(sorted(unknown))}; expected {', '.join(allowed)}")


def _words(name: str, value: object, allowed: tuple[str, ...] | None) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise SettingsError(f"{name} must be a list of texts")
    strange = [word for word in value if allowed is not None and word not in allowed]
    if strange:
        raise SettingsError(f"{name}: unknown {', '.join(strange)}; expected {', '.join(allowed or ())}")
    return tuple(value)


def _number(name: str, value: object, most: int | None = None) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not in_proportion(number):
        raise SettingsError(f"{name} {str(value)[:40]!r} is not a number, or one that nothing is counted by")
    if most is not None and abs(number) > most:
        raise SettingsError(f"{name} {number} lies beyond {most}")
    return number


ACTS: Final[dict[tuple[str, str], Callable[[Floor, Body], Body]]] = {
    ("GET", "accounts"): accounts,
    ("POST", "accounts"): create_account,
    ("POST", "keys"): create_key,
    ("POST", "market"): steer_market,
    ("GET", "ledger"): ledger,
    ("GET", "faults"): faults,
    ("POST", "faults"): arm_faults,
    ("DELETE", "faults"): heal_faults,
}
"""What needs the token. Of a GET or DELETE, the body is its query."""
