"""A panic of one symbol ends when that symbol is flat, whatever the account holds beside it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control.context import Daemon
from playd.control.halt_methods import _refuse_unless_flat
from playd.control.protocol import RpcError
from playd.control.scopes import parse_scope


def holding(*symbols: str) -> Daemon:
    """A daemon whose account `main` holds these, all of them nobody's."""
    views: list[Any] = [SimpleNamespace(symbol=symbol, owner="", venue_qty=1) for symbol in symbols]
    account = SimpleNamespace(views=SimpleNamespace(positions=lambda: views))
    accounts = SimpleNamespace(held={"main": SimpleNamespace(account=account)})
    return cast("Daemon", SimpleNamespace(supervisor=SimpleNamespace(slots={}), accounts=accounts))


@pytest.mark.parametrize(
    ("scope", "held"), [("symbol:main/ETHUSDT", "ETHUSDT"), ("account:main", "BTCUSDT"), ("all", "BTCUSDT")]
)
def test_a_scope_that_holds_something_is_not_resumed(scope: str, held: str) -> None:
    with pytest.raises(RpcError, match=f"is not flat: {held}"):
        _refuse_unless_flat(holding(held), parse_scope(scope, {}, ["main"]))


def test_what_another_symbol_holds_stands_in_no_way() -> None:
    _refuse_unless_flat(holding("BTCUSDT"), parse_scope("symbol:main/ETHUSDT", {}, ["main"]))
