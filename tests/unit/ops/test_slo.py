"""A breach is an interval: opened once, raised when it grows, closed when the figure is back; no figure counts in the end."""

from typing import Any

from playd.core.objectives import OBJECTIVES, Objective
from playd.ops.slo import Breach, Breaches, Reading, objectives_of
from playd.settings.model import Settings
from tests.simulation.order_world import MemoryJournal

NAKED = "naked"


class Heard:
    """Lines and incidents of one run."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.said: list[tuple[str, str, str]] = []
        self.breaches = Breaches(MemoryJournal(), self.lines.append, self._opened, self._closed)

    def _opened(self, breach: Breach, text: str) -> str:
        self.said.append(("open", breach.name, breach.severity))
        return "inc_1"

    def _closed(self, breach: Breach, note: str) -> None:
        self.said.append(("close", breach.name, breach.severity))

    def read(self, seconds: int, value: float | None, name: str = NAKED) -> None:
        self.breaches.take([Reading(name, "symbol:a/B", value, "away")], seconds * 1000)


def test_a_breach_opens_once_grows_and_closes() -> None:
    heard = Heard()
    for second, value in enumerate((0.0, 2.0, 2.1, 4.0, 6.0, 6.1, 0.0, 0.0)):
        heard.read(second, value)
    assert [line["event"] for line in heard.lines] == ["open", "peak", "peak", "close"]
    assert heard.said == [
        ("open", NAKED, "warning"),
        ("open", NAKED, "warning"),
        ("open", NAKED, "critical"),
        ("close", NAKED, "critical"),
    ]
    assert (heard.lines[-1]["duration_s"], heard.lines[-1]["closed_ms"]) == (5, 6000)
    assert len({line["breach_id"] for line in heard.lines}) == 1
    assert {line["incident_id"] for line in heard.lines} == {"inc_1"}
    assert heard.lines[0]["evidence"] == ["time a position has had no stop: 2 s, objective 0 s"]


def test_nobody_knowing_is_a_breach_after_twice_the_window_and_no_value_before() -> None:
    heard = Heard()
    heard.read(0, None)
    heard.read(119, None)
    assert heard.said == []
    heard.read(120, None)
    assert heard.said == [("open", NAKED, "warning")]
    heard.read(121, 0.0)
    assert heard.said[-1][0] == "close"


def test_a_scope_that_is_gone_is_over() -> None:
    heard = Heard()
    heard.read(0, 9.0)
    heard.breaches.take([], 1000)
    assert heard.breaches.open == {}


def test_low_figures_are_the_bad_ones_where_that_is_meant() -> None:
    share = next(each for each in OBJECTIVES if each.name == "recon_match")
    assert [share.severity(value) for value in (100.0, 99.9, 99.5, 98.9)] == ["", "", "warning", "critical"]
    days = next(each for each in OBJECTIVES if each.name == "key_days_left")
    assert [days.severity(value) for value in (15, 14, 2, 1)] == ["", "warning", "warning", "critical"]


def test_a_low_figure_peaks_when_it_falls() -> None:
    heard = Heard()
    for second, value in enumerate((50.0, 61.0, 41.0)):
        heard.read(second, value, "recon_match")
    assert [(line["event"], line["value"]) for line in heard.lines] == [("open", "50"), ("peak", "41")]


def test_every_objective_gets_worse_in_its_own_direction() -> None:
    def rises(each: Objective) -> bool:
        return each.warning <= each.critical if not each.low else each.warning >= each.critical

    # ack_sla is a warning while its time runs out, and critical at its objective.
    assert [each.name for each in OBJECTIVES if not rises(each)] == []


def test_of_two_keys_for_one_limit_the_tighter_holds() -> None:
    settings = Settings.model_validate(
        {"streams": {"alert_warn_s": 10.0}, "slo": {"private_down": {"warning": 25.0, "critical": 60.0}}}
    )
    held = objectives_of(settings)["private_down"]
    assert (held.warning, held.critical) == (10.0, 60.0)
