"""`recon.accept` shows what it would book, needs the phrase and, where something closes, a price."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control.dispatch import Call
from playd.control.params import AcceptDifference
from playd.control.protocol import Code, RpcError
from playd.control.stranger_methods import accept_difference
from playd.core.errors import LinkError
from playd.orders.acceptance import AcceptRefused, Unexplained

pytestmark = pytest.mark.anyio

CALL = cast("Call", SimpleNamespace(actor="uid:1(me)", key="k", warnings=[]))
GONE = Unexplained("BTCUSDT", Decimal("0.5"), Decimal(0), Decimal(0), (("u1", Decimal("0.5"), Decimal(50_000)),))


class Acceptance:
    """Of an account whose venue shows no position any more."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.booked: list[Decimal | None] = []

    async def look(self, _symbol: str) -> Unexplained:
        if self.error is not None:
            raise self.error
        return GONE

    async def accept(self, _symbol: str, price: Decimal | None, *, key: str, actor: str) -> Unexplained:
        assert (key, actor) == ("k", "uid:1(me)")
        self.booked.append(price)
        return GONE


def daemon(acceptance: Acceptance, banned_s: float = 0.0) -> Any:
    async def synced() -> None: ...

    desk = SimpleNamespace(budget=SimpleNamespace(banned_for_s=banned_s))
    account = SimpleNamespace(alias="main", acceptance=acceptance, desk=desk)
    slot = SimpleNamespace(name="alpha", record=SimpleNamespace(uid="u1"))
    held = {"main": SimpleNamespace(account=account, running=account, refused="", step="running")}
    return SimpleNamespace(
        accounts=SimpleNamespace(held=held, find=lambda _alias: account),
        supervisor=SimpleNamespace(slots={"alpha": slot}),
        journal=SimpleNamespace(synced=synced),
    )


def asked(price: str | None = "48000", confirm: str = "") -> AcceptDifference:
    return AcceptDifference(request_id="r", account="main", symbol="BTCUSDT", price=price, confirm=confirm)


async def test_it_is_shown_before_the_phrase_and_booked_with_it() -> None:
    side = Acceptance()
    with pytest.raises(RpcError) as wanted:
        await accept_difference(daemon(side), asked(), CALL)
    assert (wanted.value.code, wanted.value.details["phrase"]) == (Code.PHRASE_REQUIRED, "ACCEPT main BTCUSDT")
    assert wanted.value.details["preview"][:2] == [
        "the ledger says 0.5 of BTCUSDT, the venue 0: -0.5 is booked at 48000",
        "alpha holds 0.5 by the books, from 50000",
    ]
    assert side.booked == []
    found: Any = await accept_difference(daemon(side), asked(confirm="ACCEPT main BTCUSDT"), CALL)
    assert found == {"account": "main", "symbol": "BTCUSDT", "ledger": "0.5", "venue": "0", "price": "48000"}
    assert side.booked == [Decimal(48_000)]


@pytest.mark.parametrize(
    ("error", "price", "code", "reason"),
    [
        (None, None, Code.REFUSED, "NO_PRICE"),
        (AcceptRefused("NO_DIFFERENCE", "they agree"), "48000", Code.REFUSED, "NO_DIFFERENCE"),
        (LinkError("no answer"), "48000", Code.DEGRADED, "blind"),
        (None, "-1", Code.INVALID_PARAMS, None),
    ],
)
async def test_what_cannot_be_accepted_is_refused_with_its_reason(
    error: Exception | None, price: str | None, code: Code, reason: str | None
) -> None:
    side = Acceptance(error)
    with pytest.raises(RpcError) as refused:
        await accept_difference(daemon(side), asked(price), CALL)
    assert refused.value.code is code
    assert reason is None or refused.value.reason == reason
    assert side.booked == []
