"""What the venue says against its own word, and what it does not say at all: level 2 on the symbol of a real daemon."""

from pathlib import Path

import pytest

from tests.crash.harness import ALIAS, SYMBOL, stage, wait_for
from tests.crash.story import until_position
from tests.integration.daemon_kit import ctl

pytestmark = pytest.mark.slow

SCOPE = f"symbol:{ALIAS}/{SYMBOL}"
CREATE = {"path": "/v5/order/create"}
PRIVATE = ("order*", "execution*", "position*")


def test_a_refused_order_that_executes_and_a_position_that_nothing_explains_halt_their_symbol(tmp_path: Path) -> None:
    with stage(tmp_path) as (exchange, daemon):
        exchange.arm({"kind": "answer", "name": "refused", "where": CREATE, "with": {"code": 110007, "effect": True}})
        daemon.start()
        until_position(exchange, daemon)
        halted = "SELECT scope, level FROM halts WHERE code = '{}' AND lifted_ms IS NULL"
        (contradicted,) = wait_for(lambda: daemon.rows(halted.format("CONTRADICTION")), "the halt of a contradiction")
        assert (contradicted["scope"], contradicted["level"]) == (SCOPE, 2)
        assert daemon.booked()["stop"], "what was executed is booked, with its plan"

        silence = [
            {"kind": "drop_frame", "name": f"no {topic}", "where": {"socket": "private", "topic": topic}, "times": 0}
            for topic in PRIVATE
        ]
        late = {
            "kind": "late_history",
            "name": "no history",
            "where": {"account": ALIAS},
            "times": 0,
            "with": {"delay_s": 3600},
        }
        hand = {"kind": "manual_close", "name": "hand", "where": {"account": ALIAS, "symbol": SYMBOL}}
        exchange.arm(*silence, late, hand)
        exchange.step()
        wait_for(lambda: not exchange.position()["steps"], "the end of the position at the venue")
        for _ in range(2):
            assert ctl(daemon.state, "reconcile", ALIAS).returncode == 10
        (differs,) = daemon.rows(halted.format("POSITION_DIFFERS"))
        assert (differs["scope"], differs["level"]) == (SCOPE, 2)
        assert daemon.stop() == 0, daemon.log.read_text()[-2000:]
