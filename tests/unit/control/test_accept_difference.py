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
from playd.orders.acceptance import AcceptRefused, Closing, Unexplained
from tests.answers import check_data

pytestmark = pytest.mark.anyio

CALL = cast("Call", SimpleNamespace(actor="uid:1(me)", key="k", warnings=[]))
GONE = Unexplained(
    *("BTCUSDT", Decimal("0.5"), Decimal(0), Decimal(0)),
    (Closing("u1", Decimal("0.5"), Decimal(50_000)),),
    (("opened at", Decimal(50_000)), ("last fill", Decimal(51_000))),
)


class Acceptance:
    """Of an account whose venue shows no position any more."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.booked: list[Decimal | None] = []

    async def look(self, _symbol: str) -> Unexplained:
        if self.error is not None:
            raise self.error
        return GONE

    async def accept(
        self, _symbol: str, price: Decimal | None, *, missing: Decimal, far: bool, key: str, actor: str
    ) -> Unexplained:
        assert (key, actor, missing, far) == ("k", "uid:1(me)", GONE.missing, False)
        self.booked.append(price)
        return GONE


def daemon(acceptance: Acceptance, banned_s: float = 0.0) -> Any:
    async def synced() -> None: ...

    desk = SimpleNamespace(budget=SimpleNamespace(banned_for_s=banned_s))
    account = SimpleNamespace(alias="main", acceptance=acceptance, desk=desk)
    slot = SimpleNamespace(name="alpha", record=SimpleNamespace(uid="u1", account="main", symbol="BTCUSDT"))
    held = {"main": SimpleNamespace(account=account, reachable=account, refused="", step="running")}
    return SimpleNamespace(
        accounts=SimpleNamespace(held=held, find=lambda _alias: account),
        supervisor=SimpleNamespace(slots={"alpha": slot}),
        journal=SimpleNamespace(synced=synced),
    )


def asked(price: str | None = "48000", confirm: str = "", far: bool = False) -> AcceptDifference:
    return AcceptDifference(request_id="r", account="main", symbol="BTCUSDT", price=price, far=far, confirm=confirm)


async def test_it_is_shown_before_the_phrase_and_booked_with_it() -> None:
    side = Acceptance()
    with pytest.raises(RpcError) as wanted:
        await accept_difference(daemon(side), asked(), CALL)
    assert (wanted.value.code, wanted.value.details["phrase"]) == (Code.PHRASE_REQUIRED, "ACCEPT main BTCUSDT -0.5")
    assert wanted.value.details["preview"][:3] == [
        "the ledger says 0.5 of BTCUSDT, the venue 0: -0.5 is booked",
        "+0.5 of alpha, from 50000, closes at 48000: a result of -1000.00 USDT",
        "BTCUSDT is paused (MANUAL_CLOSE) until somebody resumes",
    ]
    assert side.booked == []
    found: Any = await accept_difference(daemon(side), asked(confirm="ACCEPT main BTCUSDT -0.5"), CALL)
    check_data("recon.accept", found)
    assert found == {"account": "main", "symbol": "BTCUSDT", "ledger": "0.5", "venue": "0", "price": "48000"}
    assert side.booked == [Decimal(48_000)]


@pytest.mark.parametrize(
    ("error", "price", "code", "reason"),
    [
        (None, None, Code.REFUSED, "NO_PRICE"),
        (AcceptRefused("NO_DIFFERENCE", "they agree"), "48000", Code.REFUSED, "NO_DIFFERENCE"),
        (LinkError("no answer"), "48000", Code.DEGRADED, "blind"),
        (None, "-1", Code.INVALID_PARAMS, None),
        (None, "480", Code.REFUSED, "FAR_PRICE"),
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


async def test_a_far_price_goes_with_the_word_for_it_and_a_phrase_without_the_figure_that_was_shown_is_none() -> None:
    side = Acceptance()
    for given in (asked("480", far=True), asked(confirm="ACCEPT main BTCUSDT"), asked(confirm="ACCEPT main BTCUSDT all")):
        with pytest.raises(RpcError) as wanted:
            await accept_difference(daemon(side), given, CALL)
        assert wanted.value.code is Code.PHRASE_REQUIRED
    assert side.booked == []


async def test_orders_that_are_given_up_are_shown_also_where_nothing_is_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    agreed = Unexplained("BTCUSDT", Decimal(0), Decimal(0), Decimal(0), given_up=("pde-1", "v:s-2"))
    monkeypatch.setattr(f"{__name__}.GONE", agreed)
    with pytest.raises(RpcError) as wanted:
        await accept_difference(daemon(Acceptance()), asked(None), CALL)
    assert wanted.value.details["phrase"] == "ACCEPT main BTCUSDT +0"
    assert wanted.value.details["preview"][:2] == [
        "the ledger says 0 of BTCUSDT, the venue 0: nothing is booked",
        "executions that nobody lists are waited for no longer: of pde-1, v:s-2",
    ]
