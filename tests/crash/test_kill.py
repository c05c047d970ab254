"""
`kill -9` at any moment, then a new start: the same position, the same stop, no second order, the same bits.

Each story is one market with several deaths. These are a sample: `make kill-sweep` dies at hundreds of places. `KILL_SEED`
changes the random times.
"""

import os
import random
from pathlib import Path

import pytest

from tests.crash.story import Ending, Kill, backtest, check_like_unkilled, nothing_but_time, seeded, tell
from tests.crash.thin import tell_thin

pytestmark = pytest.mark.slow
SLOW = 4_000.0
"""Market minutes per minute: 15 ms each, so that states, saved once a second, are saved while positions come and go."""


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory: pytest.TempPathFactory) -> Ending:
    return tell(tmp_path_factory.mktemp("unkilled"), [])


def same(ending: Ending, unkilled: Ending, kills: list[Kill]) -> None:
    """Every death happened, and nothing of it shows at the end."""
    assert ending.deaths == [str(kill) for kill in kills]
    assert ending.never_sent == []
    check_like_unkilled(ending)
    assert ending.inputs == unkilled.inputs
    assert ending.executions == unkilled.executions
    assert ending.engine == unkilled.engine


def once_or_never(ending: Ending, unkilled: Ending, kills: list[Kill]) -> None:
    """
    As `same`, unless a death fell between the record of an entry and its bytes: that entry is then in doubt and never sent.

    Up to it nothing shows; from there on this market goes without what the doubt refuses. Columns know no orders.
    """
    assert len(ending.deaths) == len(kills)
    if not ending.never_sent:
        same(ending, unkilled, kills)
        return
    lost_ms = ending.first_lost_ms
    assert before(ending.verdicts, lost_ms) == before(unkilled.verdicts, lost_ms)
    until = [row for row in unkilled.executions if int(row["execTime"]) < lost_ms]
    assert ending.executions[: len(until)] == until
    assert ending.columns == unkilled.columns


def before(verdicts: list[tuple[int, str]], close_ms: int) -> list[tuple[int, str]]:
    return [each for each in verdicts if each[0] <= close_ms]


def test_the_undisturbed_run_is_the_backtest(unkilled: Ending) -> None:
    check_like_unkilled(unkilled)
    trades = backtest().trades
    assert len(unkilled.executions) == 2 * len(trades)
    for trade, entry, exit_ in zip(trades, unkilled.executions[::2], unkilled.executions[1::2], strict=True):
        record = trade.as_json()
        assert [float(entry["execPrice"]), float(exit_["execPrice"])] == [record["entry_price"], record["exit_price"]]
        assert float(entry["execQty"]) == float(exit_["execQty"]) == record["qty"]


ENTRY = [
    Kill("commit:intent:before", 1),
    Kill("http:order/create:sent", 1),
    Kill("http:order/create:answered", 2),
    Kill("commit:intent:before", 5),
    Kill("http:order/create:answered", 5),
]
FILL = [
    Kill("commit:execution:before", 1),
    Kill("commit:execution:after", 2),
    Kill("commit:execution:before", 3),
    Kill("commit:execution:after", 5),
    Kill("commit:execution:before", 6),
]
SNAPSHOT = [
    Kill("commit:execution:before", 2, speed=SLOW),
    Kill("state:temporary", 1, speed=SLOW),
    Kill("state:linked", 2, speed=SLOW),
    Kill("state:previous", 1, speed=SLOW),
    Kill("state:replaced", 1, speed=SLOW),
]
JOURNAL = [
    Kill("journal:before", 1),
    Kill("journal:torn", 1),
    Kill("journal:written", 1),
    Kill("journal:synced", 1),
]
START = [
    Kill("settings:taken", 1, after_s=0.2, speed=SLOW, candles=24, reloads=True),
    Kill("commit:execution:after", 5),
    Kill("commit:other:before", 1),
    Kill("http:position/list:before", 1),
    Kill("http:execution/list:answered", 1),
    Kill("commit:other:after", 3),
    Kill("http:private:answered", 1),
    Kill("http:market/kline:answered", 1),
    Kill("state:replaced", 1),
]


@pytest.mark.parametrize("kills", [ENTRY, FILL, SNAPSHOT, START], ids=["entry", "fill", "snapshot", "start"])
def test_a_killed_daemon_ends_as_if_nothing_had_happened(kills: list[Kill], unkilled: Ending, tmp_path: Path) -> None:
    same(tell(tmp_path, kills), unkilled, kills)


@pytest.mark.parametrize(("moment", "nth"), [("commit:intent:after", 1), ("http:order/create:before", 3)])
def test_an_order_on_record_that_never_left_is_not_sent_later(moment: str, nth: int, unkilled: Ending, tmp_path: Path) -> None:
    kills = [Kill(moment, nth)]
    ending = tell(tmp_path, kills)
    assert len(ending.never_sent) == 1
    once_or_never(ending, unkilled, kills)


def test_a_death_while_the_journal_is_written_loses_no_order(unkilled: Ending, tmp_path: Path) -> None:
    once_or_never(tell(tmp_path, JOURNAL), unkilled, JOURNAL)


def test_a_death_at_any_time_acts_once_or_never(unkilled: Ending, tmp_path: Path) -> None:
    seed = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"KILL_SEED={seed}")
    kills = seeded(seed, 3)
    once_or_never(tell(tmp_path, kills), unkilled, kills)


def test_a_death_at_a_start_on_the_way_of_a_stop_and_at_a_new_page_of_the_journal_costs_time_alone(
    unkilled: Ending, tmp_path: Path
) -> None:
    stop = Kill("stop:any", 2, after_s=0.3, speed=SLOW, stops=True)
    kills = [Kill("start:any", 20), stop, Kill("journal:page:after", 2)]
    ending = tell(tmp_path, kills)
    assert {str(kill) for kill in kills[:2]} <= {*ending.deaths}
    nothing_but_time(ending, unkilled, kills)


def test_deaths_among_entries_that_are_filled_in_part_break_no_invariant(tmp_path: Path) -> None:
    kills = [Kill("commit:execution:before", 2), Kill("commit:execution:after", 3), Kill("http:order/create:answered", 2)]
    deaths, parts = tell_thin(tmp_path, kills)
    assert deaths == [str(kill) for kill in kills]
    assert parts > 0, "no entry was ever filled in part: this market is not thin"
