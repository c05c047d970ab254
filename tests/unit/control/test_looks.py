"""What single looks say: the gravest level in the header, the gates before an intent, that a list was cut."""

from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from playd.cli.playctl_look import header_text
from playd.control.asked_for import warn_of_more
from playd.control.dispatch import Call
from playd.control.protocol import JsonObject
from playd.control.record_methods import _judged

HEAD: JsonObject = {
    **{"version": "1", "ready": True, "step": "ready", "uptime_s": 5.0, "counts": {"live": 1}, "market_time": None},
    **{"halt_level": 0, "gravest_halt": None, "recon_age_s": 1.0, "repairs_today": 0, "clock_offset_ms": 3.0, "venue_ms": 20.0},
    **{"rates_used_pct": {}, "incidents": {"open": 0, "critical_unseen": 0}, "guardian": {"age_s": 1.0, "missing": ""}},
    **{"journal_head": {"seq": 7, "hash": "x"}, "waivers": []},
}


def test_the_header_names_the_gravest_level_in_force_whatever_its_scope() -> None:
    assert "halt level 0  " in header_text({"daemon": HEAD})
    gravest = {"level": 4, "scope": "instance:alpha", "code": "PANIC"}
    assert "halt level 4 on instance:alpha (PANIC)  " in header_text({"daemon": {**HEAD, "gravest_halt": gravest}})


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ({"passed": "all", "limits": "limits:ab", "cut": ""}, "all passed, under limits:ab; `playctl explain` asks them again"),
        (
            {"passed": "all", "limits": "limits:ab", "cut": "size 75 USD"},
            "all passed, under limits:ab; cut: size 75 USD; `playctl explain` asks them again",
        ),
        ({}, ""),
    ],
)
def test_an_order_s_story_has_what_the_gates_said_and_how_to_ask_them_only_while_that_is_kept(
    gates: JsonObject, said: str
) -> None:
    intent = {"gates": orjson.dumps(gates).decode(), "instance": "u", "bar_close_ms": 60_000}
    kept: list[tuple[int]] = [(1,)]
    daemon: Any = SimpleNamespace(ledger=SimpleNamespace(row=lambda sql, values: kept[0] if kept and values[1] else None))
    assert _judged(daemon, intent) == said
    kept.clear()
    assert _judged(daemon, intent) == said.removesuffix("; `playctl explain` asks them again")


def test_a_list_that_is_cut_says_so() -> None:
    call: Any = SimpleNamespace(warnings=[])
    warn_of_more(cast("Call", call), 499, 500)
    assert call.warnings == []
    warn_of_more(cast("Call", call), 500, 500)
    assert call.warnings == [("not_all", "the newest 500; the ledger has all of them")]
