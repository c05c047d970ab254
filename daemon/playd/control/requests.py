"""Commands in the ledger: one recorded effect per request id, over restarts of the daemon."""

from typing import Final

import orjson

from playd.control.dispatch import Stored
from playd.control.protocol import JsonObject
from playd.core.timeframes import DAY_MS
from playd.orders.ledger import Ledger
from playd.world.ports import Clock

KEPT_MS: Final = 30 * DAY_MS


class LedgerCommands:
    """Implements `dispatch.CommandStore` over the table `commands`."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def begin(self, request_id: str, method: str, params_digest: str, actor: str) -> Stored | None:
        """What is stored under the id; else record that the command is about to run, durable on return."""
        now_ms = self._clock.wall_ms()
        row = self._ledger.row("SELECT * FROM commands WHERE request_id = ?", (request_id,))
        if row is not None:
            answer: JsonObject | None = orjson.loads(row["result"]) if row["result"] else None
            return Stored(row["method"], row["params_digest"], answer)
        self._ledger.write("DELETE FROM commands WHERE ms < ?", (now_ms - KEPT_MS,))
        self._ledger.write(
            "INSERT INTO commands (request_id, method, params_digest, actor, result, ms) VALUES (?,?,?,?,'',?)",
            (request_id, method, params_digest, actor, now_ms),
        )
        self._ledger.commit()
        return None

    def finish(self, request_id: str, answer: JsonObject) -> None:
        """Store the answer, durable on return."""
        self._ledger.write("UPDATE commands SET result = ? WHERE request_id = ?", (orjson.dumps(answer).decode(), request_id))
        self._ledger.commit()

    def forget(self, request_id: str) -> None:
        """Durable with the next commit: an id too many on record harms nobody."""
        self._ledger.write("DELETE FROM commands WHERE request_id = ?", (request_id,))
