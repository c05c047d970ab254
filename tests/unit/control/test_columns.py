"""
Scripts and people go by the titles of columns: each table has those it always had, in their order.

Others may stand between them that always did (`ENDS` of a halt); what came later stands behind them all.
"""

import pytest

from playd.cli.playctl_parity import PARITY
from playd.control.arming_tables import CHECKUP, READINESS
from playd.control.explain_text import BARS
from playd.control.ops_tables import ALERTS, BACKUPS, CONFIG, HEAD, INCIDENTS, LIMITS, SLOS
from playd.control.render import Output, ordered, render_rows
from playd.control.tables import (
    BALANCE,
    CANCELLED,
    DIFFERENCES,
    FILLS,
    HALTS,
    INTENTS,
    LIFECYCLE,
    LIST,
    ORDERS,
    ORPHANS,
    PANIC,
    PNL,
    POSITIONS,
    RECONCILIATIONS,
    STATUS,
    Column,
)

TITLES: dict[str, tuple[tuple[Column, ...], str]] = {
    "status": (STATUS, "NAME MODE STATE SYMBOL POS UPNL DAY DD STOP@VENUE BAR_AGE FEED RESTARTS NOTE"),
    "status -o wide": (STATUS, "NAME NOTE ACCOUNT PLAY_DIGEST STEP UNRESOLVED SHORTFALL PARITY MEM"),
    "list": (LIST, "NAME UID MODE ACCOUNT SYMBOL STATE ENABLED PLAY DIGEST CREATED"),
    "positions": (POSITIONS, "ACCOUNT SYMBOL SIDE QTY ENTRY MARK UPNL STOP STOP_BPS LIQ OWNER LEDGER DIFF AGE"),
    "orders": (ORDERS, "LINK_ID SYMBOL SIDE TYPE QTY FILLED PRICE TRIGGER STATE AGE OWNER"),
    "fills": (FILLS, "TIME SYMBOL SIDE QTY PRICE FEE TYPE LINK_ID OWNER"),
    "pnl": (PNL, "REALISED UNREALISED FEES FUNDING TRADES WINS DD"),
    "balance": (BALANCE, "ACCOUNT MODE UID EQUITY AVAILABLE IM_RATE MM_RATE AGE"),
    "start": (LIFECYCLE, "NAME STATE STEP REASON POSITION STOP@VENUE"),
    "halts": (HALTS, "SCOPE LEVEL CODE ACTOR AGE TEXT STILL_HOLDS"),
    "panic": (PANIC, "SYMBOL BEFORE CLOSED AVG_PRICE SLIPPAGE_BPS REMAINING STOP@VENUE"),
    "explain": (BARS, "TIME BAR VERDICT CLAUSE VALUE LIMIT"),
    "intents": (INTENTS, "ID INSTANCE ACTION STATE AGE ROUND NEXT"),
    "reconcile": (DIFFERENCES, "CLASS SYMBOL OURS THEIRS VALUE PLAN"),
    "orphan list": (ORPHANS, "ID KIND SYMBOL SIDE QTY PRICE AGE"),
    "doctor": (CHECKUP, "CHECK RESULT AGE DETAIL FIX"),
    "readiness": (READINESS, "CHECK RESULT EVIDENCE AGE EXPIRES NEXT_POSSIBLE"),
    "incident list": (INCIDENTS, "ID SEV STATE SCOPE TITLE AGE COUNT ACK"),
    "slo": (SLOS, "NAME SCOPE VALUE OBJECTIVE STATE BUDGET_LEFT"),
    "limits": (LIMITS, "BUCKET SIZE LEFT RESET WAIT_P99 REFUSED"),
    "notify list": (ALERTS, "ID ROUTE SEV STATUS TRIES AGE"),
    "audit verify": (HEAD, "SEQ HASH RESULT"),
    "backup list": (BACKUPS, "ID AGE SIZE VERIFIED"),
    "config show": (CONFIG, "KEY VALUE ORIGIN SINCE"),
    "parity show": (PARITY, "NAME RESULT"),
}


@pytest.mark.parametrize("command", TITLES)
def test_a_table_has_its_columns_in_their_order(command: str) -> None:
    columns, wanted = TITLES[command]
    titles = [column.title for column in columns]
    assert len(set(titles)) == len(titles)
    assert [title for title in titles if title in wanted.split()] == wanted.split()


@pytest.mark.parametrize(
    ("columns", "last"),
    [
        (POSITIONS, "MODE"),
        (ORDERS, "ACCOUNT MODE"),
        (FILLS, "ACCOUNT SOURCE MODE"),
        (ORPHANS, "ACCOUNT"),
        (DIFFERENCES, "ACCOUNT"),
        (RECONCILIATIONS, "KINDS"),
    ],
)
def test_what_the_wide_form_adds_stands_behind_all_others_and_the_mode_last(columns: tuple[Column, ...], last: str) -> None:
    added = [column.title for column in columns if column.wide]
    assert added == last.split()
    assert [column.title for column in columns][-len(added) :] == added


@pytest.mark.parametrize("columns", [POSITIONS, ORDERS, FILLS, DIFFERENCES, ORPHANS])
def test_a_list_over_accounts_says_which(columns: tuple[Column, ...]) -> None:
    assert "ACCOUNT" in [column.title for column in columns]


def test_of_an_order_that_was_taken_back_what_there_is_not_is_no_unknown() -> None:
    row = {"avg_price": {"value": None, "why": "nothing was executed"}, "stop": {"value": None, "why": "none"}}
    shown = [column.cell(row) for column in CANCELLED if column.title in ("AVG_PRICE", "STOP@VENUE")]
    assert shown == ["-", "-"]
    (unread,) = [column for column in CANCELLED if column.title == "STOP@VENUE"]
    assert unread.cell({"stop": {"value": None, "why": "not read yet"}}) == "?"


def test_limits_are_sorted_by_how_long_requests_wait() -> None:
    rows = [{"bucket": name, "wait_p99_ms": ms, "used_by": []} for name, ms in (("a", 90.5), ("b", 1200.0), ("c", 7.0))]
    assert [row["bucket"] for row in ordered(rows, LIMITS, "WAIT_P99")] == ["c", "a", "b"]
    assert "1200.0ms" in render_rows(rows, LIMITS, Output.TABLE)
