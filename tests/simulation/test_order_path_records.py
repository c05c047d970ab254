"""What is told to the journal: behind the ledger, with the time at which it happened, and whole when an account ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.cli import account_plans
from playd.cli.account_plans import open_account
from playd.cli.shutdown import Shutdown
from playd.core.errors import CredentialError
from playd.core.modes import Environment
from playd.orders.chronicle import WRITTEN_AT_ONCE
from playd.supervisor.accounts import OpenAccount
from tests.simulation.order_world import OrderWorld, build
from tests.simulation.test_account_key import GOOD


def told(life: OrderWorld) -> list[str]:
    return [data["uid"] for kind, data in life.journal.records if kind == "auth.checked"]


def tell(life: OrderWorld, uid: str) -> None:
    """A row that waits for its commit, and the words about it."""
    life.ledger.set_meta(uid, uid)
    life.account.desk.chronicle.tell("auth.checked", "", "", None, {"uid": uid})


async def test_a_record_follows_the_commit_of_what_it_speaks_of_and_says_when_that_was() -> None:
    life = build()
    write, then_ms = life.account.desk.chronicle.write, life.world.clock.wall_ms()
    tell(life, "first")
    write()
    assert told(life) == []
    await anyio.sleep(2.0)
    life.ledger.commit()
    tell(life, "second")
    write()
    assert told(life) == ["first"], "others' rows that are open now keep nothing back that is durable"
    life.account.desk.put_on_record()
    assert told(life) == ["first", "second"]
    assert [data["at_ms"] - then_ms for _, data in life.journal.records] == [0, 2000]
    life.venue.close_stream()


async def test_what_a_long_absence_tells_at_once_is_written_a_part_at_a_time() -> None:
    life = build()
    async with life.running():
        for n in range(2 * WRITTEN_AT_ONCE + 1):
            life.account.desk.chronicle.tell("auth.checked", "", "", None, {"uid": str(n)})
        life.ledger.commit()
        written = [len(told(life))]
        for _ in range(3):
            await anyio.sleep(0.5)
            written.append(len(told(life)))

    assert max(b - a for a, b in pairwise(written)) == WRITTEN_AT_ONCE
    assert told(life)[-1] == str(2 * WRITTEN_AT_ONCE)


async def test_the_record_of_a_refused_key_and_the_last_words_of_an_account_reach_the_journal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = build()
    life.venue.key = replace(GOOD, uid="8", read_only=True)

    @asynccontextmanager
    async def opened(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield life.venue

    monkeypatch.setattr(account_plans, "open_bybit_venue", opened)
    books: Any = SimpleNamespace(
        world=life.world,
        ledger=life.ledger,
        journal=life.journal,
        halts=life.halts,
        budget_of=lambda _alias: life.budget,
        on_account=lambda _account: None,
        ports={},
    )
    universe: Any = SimpleNamespace(
        plan=SimpleNamespace(base_step_ms=1000, socket_timing=None), limiter=None, clock=life.world.clock
    )
    venue: Any = SimpleNamespace(
        alias="main",
        environment=Environment.LOCAL,
        expected_uid="",
        allow_unbound_key=False,
        margin_mode="",
    )
    with pytest.raises(CredentialError, match="read-only"):
        async with open_account(books, universe, venue, life.settings) as (account, _):
            await account.start()
    assert told(life) == ["8"]
    assert life.ledger.waiting_s is None
    life.venue.close_stream()


async def test_a_clean_stop_writes_what_was_told_before_it_names_the_head_of_the_chain() -> None:
    life = build()
    async with life.running():
        tell(life, "late")
        runtime: Any = SimpleNamespace(
            supervisor=SimpleNamespace(entries_closed=False, slots={}),
            exchange=None,
            accounts=SimpleNamespace(held={"main": OpenAccount(cast(Any, None), account=life.account)}),
            journal=life.journal,
        )
        service: Any = SimpleNamespace(stopping=lambda _cause: None, extend=lambda _budget_s, _cause: None)
        assert await Shutdown(runtime, service, 10.0).run("test")
        assert "late" in told(life)
        kind, data = life.journal.records[-1]
        assert (kind, data["head"]) == ("daemon.stop", f"{len(life.journal.records) - 1}:")
