"""Tables say what is known, what is unknown, and how old it is."""

import csv

import orjson
import pytest

from playd.control.figures import figure, plain, rfc3339
from playd.control.render import Output, ordered, pick, render_rows
from playd.control.tables import FILLS, ORDERS, POSITIONS, STATUS, Column, say_age

ROW = {
    "name": "alpha",
    "mode": "paper",
    "state": "paused",
    "symbol": "BTCUSDT",
    "position": figure("-0.120", "BTC", "venue", 0.4),
    "upnl": figure(1.234, "USDT", "computed", 0.4),
    "day": figure(None, "USDT", "ledger", None, "not read yet"),
    "drawdown": figure(0.0, "%", "computed", 0.1),
    "stop_at_venue": figure("50010.0", "USDT", "venue", 12.0),
    "bar_age_s": 61.0,
    "feed_age_s": 0.25,
    "restarts": 0,
    "reasons": [{"code": "operator", "text": "lunch"}],
    "account": "paper-1",
}


@pytest.mark.parametrize(
    ("wish", "names"),
    [("upnl", "cab"), ("-UPNL", "bac"), ("BAR_AGE", "bca"), ("name", "abc"), ("-NAME", "cba")],
)
def test_rows_are_sorted_by_what_a_column_says_and_not_by_its_letters(wish: str, names: str) -> None:
    rows = [
        ROW | {"name": "a", "upnl": figure("9", "USDT", "ledger", 0.0), "bar_age_s": 7300.0},
        ROW | {"name": "b", "upnl": figure("10", "USDT", "ledger", 0.0), "bar_age_s": 5.0},
        ROW | {"name": "c", "upnl": figure(None, "USDT", "ledger", 0.0), "bar_age_s": 70.0},
    ]
    assert "".join(row["name"] for row in ordered(rows, STATUS, wish)) == names
    with pytest.raises(KeyError, match="no column NOPE; there are NAME"):
        ordered(rows, STATUS, "NOPE")


def test_a_status_row_reads_like_a_sentence() -> None:
    header, line = render_rows([ROW], STATUS, Output.TABLE).splitlines()
    assert header.split() == [column.title for column in STATUS if not column.wide]
    assert "short 0.120" in line
    assert "+1.23" in line
    assert "50010.0 (12s)" in line
    assert line.endswith("operator: lunch")


def test_an_unknown_figure_is_a_question_mark_and_never_zero() -> None:
    day = next(column for column in STATUS if column.title == "DAY")
    assert day.cell(ROW) == "?"


@pytest.mark.parametrize(
    ("stop", "shown"),
    [
        (figure(None, "USDT", "venue", 1.0, "flat"), "-"),
        (figure(None, "USDT", "venue", 1.0, "none"), "NONE"),
        (figure(None, "USDT", "venue", None, "not read yet"), "?"),
    ],
)
def test_a_missing_stop_is_told_from_an_unknown_one(stop: dict[str, object], shown: str) -> None:
    column = next(column for column in STATUS if column.title == "STOP@VENUE")
    assert column.cell({**ROW, "stop_at_venue": stop}) == shown


def test_a_position_without_a_stop_is_not_one_whose_stop_is_unknown_and_what_is_not_there_is_no_question() -> None:
    def cell(columns: tuple[Column, ...], title: str, why: str) -> str:
        column = next(column for column in columns if column.title == title)
        return column.cell({title.lower(): figure(None, "USDT", "venue", 1.0, why)})

    assert [cell(POSITIONS, "STOP", why) for why in ("none", "not read yet", "shadow")] == ["NONE", "?", "-"]
    assert [cell(POSITIONS, "LIQ", why) for why in ("none stated", "not read yet")] == ["-", "?"]
    assert [cell(ORDERS, title, why) for title, why in (("PRICE", "market"), ("TRIGGER", "none"))] == ["market", "-"]


def test_csv_has_the_wide_columns_and_reads_back() -> None:
    rows = list(csv.reader(render_rows([ROW], STATUS, Output.CSV).splitlines()))
    assert rows[0] == [column.title for column in STATUS]
    assert rows[1][0] == "alpha"


def test_json_prints_the_rows_whole() -> None:
    assert orjson.loads(render_rows([ROW], STATUS, Output.JSON)) == [ROW]
    assert orjson.loads(render_rows([ROW], STATUS, Output.JSONL)) == ROW


def test_an_empty_table_says_so() -> None:
    assert render_rows([], FILLS, Output.TABLE, empty="no fills") == "no fills"
    assert render_rows([], FILLS, Output.JSON) == "[]"


def test_columns_are_picked_by_title() -> None:
    assert [column.title for column in pick(STATUS, ["state", "NAME"])] == ["STATE", "NAME"]
    with pytest.raises(KeyError, match="STATE"):
        pick(STATUS, ["nonsense"])


@pytest.mark.parametrize(
    ("age_s", "text"), [(0.0, "0.0s"), (9.94, "9.9s"), (42.4, "42s"), (190, "3m10s"), (7500, "2h05m"), (356_400, "4d03h")]
)
def test_ages_are_said_in_two_units(age_s: float, text: str) -> None:
    assert say_age(age_s) == text


def test_numbers_travel_as_plain_decimals() -> None:
    assert plain(1e-8) == "0.00000001"
    assert plain(float("nan")) is None
    assert rfc3339(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"
