"""
The clean stop: no entry leaves any more, orders in flight are waited for, resting entries are cancelled, states are written.

Positions keep their stops and targets at the venue.
"""

from functools import partial
from typing import Final

import anyio
import structlog

from playd.cli.runtime import Runtime
from playd.core.errors import RecordError
from playd.core.orders import OrderState
from playd.ops.notify import ServiceManager
from playd.orders.account import Account
from playd.supervisor.edge import first_of, say

IN_FLIGHT_S: Final = 10.0
CANCELS_S: Final = 10.0
"""A venue that is silent, or an address that is banned, takes no cancel for longer: instances stop all the same."""

BEHIND_S: Final = 15.0
"""Behind the budget: connections are closed, the guardian is told, the head is published. The unit's time has it on top."""

LOOK_S: Final = 1.0

_log = structlog.get_logger()


class Shutdown:
    """One stop of one daemon. `hurry` may be called while it runs: it then skips the waiting, never the writing."""

    def __init__(self, runtime: Runtime, service: ServiceManager, budget_s: float) -> None:
        self._runtime = runtime
        self._service = service
        self._budget_s = budget_s
        self._waiting = anyio.CancelScope()

    def hurry(self) -> None:
        """Skip what is only waiting."""
        self._waiting.cancel()

    async def run(self, cause: str) -> bool:
        """Stop everything; False when that took longer than its budget, or an account did not take its cancels."""
        self._service.stopping(cause)
        self._service.extend(self._budget_s + BEHIND_S, cause)
        _log.info("daemon.stopping", msg=cause)
        runtime = self._runtime
        runtime.supervisor.entries_closed = True
        if runtime.exchange is not None:
            runtime.exchange.hold()
        left: list[str] = []
        with anyio.move_on_after(self._budget_s) as budget:
            with self._waiting:
                await self._in_flight_ended()
            left = await self._cancel_entries()
            async with anyio.create_task_group() as group:
                for slot in runtime.supervisor.slots.values():
                    if slot.active:
                        group.start_soon(partial(runtime.supervisor.stop, slot, cause, cool_down=False))
        for held in runtime.accounts.held.values():
            if held.account is not None:
                held.account.desk.put_on_record()
        seq, head = runtime.journal.head
        in_time = not budget.cancelled_caught and not left
        runtime.journal.append("daemon.stop", {"cause": cause, "in_time": in_time, "head": f"{seq}:{head}"})
        await runtime.journal.synced()
        _log.info("daemon.stopped", msg=cause, seq=runtime.journal.head[0])
        return in_time

    async def _in_flight_ended(self) -> None:
        """Until no order is between being written down and being answered, at most ten seconds."""
        with anyio.move_on_after(IN_FLIGHT_S):
            for held in [*self._runtime.accounts.held.values()]:  # an account may be opened or closed meanwhile
                if held.account is not None:
                    await self._answered(held.account)

    async def _answered(self, account: Account) -> None:
        for row in account.desk.book.live():
            while account.desk.book.need(row.link_id).state in (OrderState.INTENT, OrderState.SENT):
                await account.desk.changed(row.link_id, LOOK_S)

    async def _cancel_entries(self) -> list[str]:
        """
        Ask every account at once, so that none waits for another's venue; the aliases of those whose entries may be left.

        One that is only being opened is asked too; of one that cannot be asked the ledger says whether any rest.
        """
        held = self._runtime.accounts.held
        asked = {alias: account for alias, each in held.items() if (account := each.reachable) is not None}
        left, silent = set(asked), set(asked)

        async def ask(alias: str, account: Account) -> None:
            try:
                cancelled = await account.cancel_entries()
            except Exception as error:  # noqa: BLE001
                # The edge of one account: what is wrong with it keeps no entry of another one, and no instance running.
                if (fatal := first_of(error, RecordError)) is not None:
                    raise fatal from None
                _log.warning("entries.cancel_failed", account=alias, msg=say(error))
            else:
                left.remove(alias)
                if cancelled:
                    _log.info("entries.cancelled", account=alias, value=cancelled, unit="orders")
            silent.remove(alias)

        with anyio.move_on_after(CANCELS_S):
            async with anyio.create_task_group() as group:
                for alias, account in asked.items():
                    group.start_soon(ask, alias, account)
        for alias in sorted(silent):
            _log.warning("entries.cancel_failed", account=alias, msg=f"not answered within {CANCELS_S:g} s")
        for alias in sorted(held.keys() - asked.keys()):
            if self._runtime.records.entries_rest(alias):
                _log.warning("entries.cancel_failed", account=alias, msg="it is not open, and entries of it rest at the venue")
                left.add(alias)
        return sorted(left)
