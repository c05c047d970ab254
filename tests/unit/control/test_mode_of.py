"""The mode in front of a position is that of its account, whatever the account is called."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.control.context import Daemon
from playd.control.rows import mode_of
from playd.core.modes import Environment, Mode
from playd.settings.words import OWN_ACCOUNTS
from playd.supervisor.enrol import own_account


@pytest.mark.parametrize(
    ("alias", "held", "stored", "mode"),
    [
        ("shadow-main", Environment.LIVE, None, "live"),
        ("shadow-main", None, "live", "live"),
        ("paper-main", None, "demo", "demo"),
        ("shadow-abcdefgh", None, None, "shadow"),
        ("gone", None, None, ""),
    ],
)
def test_the_mode_is_told_by_the_account_and_by_a_name_only_where_there_is_none(
    alias: str, held: Environment | None, stored: str | None, mode: str
) -> None:
    accounts = {alias: SimpleNamespace(plan=SimpleNamespace(environment=held))} if held else {}
    ledger: Any = SimpleNamespace(row=lambda *_: {"environment": stored} if stored else None)
    daemon = SimpleNamespace(accounts=SimpleNamespace(held=accounts), ledger=ledger)
    assert mode_of(cast("Daemon", daemon), alias) == mode


def test_the_settings_keep_free_what_instances_call_their_own_accounts() -> None:
    assert {own_account(mode, "") for mode in Mode} - {""} == set(OWN_ACCOUNTS)
