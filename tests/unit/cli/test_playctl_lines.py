"""Log lines and records come in the form that was asked for, and what cannot be had of a form is refused."""

from typing import Any

import pytest

from playd.cli.playctl_lines import _SAID_LINE, _SAID_RECORD, Form, _said, _takes_form
from playd.cli.session import Options, Session, UsageError
from playd.control.ops_tables import EVENTS, LOGS
from playd.control.render import Output
from playd.world.virtual import virtual_world

LINE = {"ts": "T", "level": "info", "instance": "alpha", "event": "bar.closed", "msg": "m"}
RECORD = {
    "seq": 7,
    "time": "T",
    "kind": "order.sent",
    "data": {"link_id": "pd-1"},
    "instance": "u1",
    "symbol": "X",
    "actor": "",
}


def session(**changed: Any) -> Session:
    given: dict[str, Any] = {"columns": (), "sort": "", **changed}
    return Session(virtual_world(), Options(Output.TABLE, given["columns"], "", None, False, "", False, "", given["sort"]))


def test_a_form_is_kept_and_what_a_table_alone_has_makes_one() -> None:
    forms = [_takes_form(session(), form, follow=False) for form in Form]
    assert forms == [*Form]
    assert _takes_form(session(columns=("TIME",)), Form.SHORT, follow=False) is Form.TABLE
    assert _takes_form(session(sort="TIME"), Form.SHORT, follow=False) is Form.TABLE
    asked = session()
    _takes_form(asked, Form.WIDE, follow=True)
    assert asked.options.output is Output.WIDE


@pytest.mark.parametrize(
    ("form", "follow", "given"),
    [(Form.CSV, True, {}), (Form.TABLE, True, {"sort": "TIME"}), (Form.CAT, False, {"columns": ("TIME",)})],
)
def test_what_does_not_go_together_is_refused(form: Form, follow: bool, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        _takes_form(session(**given), form, follow=follow)


def test_a_row_alone_has_the_form_of_the_others() -> None:
    assert _said(session(), Form.SHORT, LOGS, _SAID_LINE)(LINE).startswith("T INFO     bar.closed m")
    assert _said(session(columns=("INSTANCE", "TIME")), Form.TABLE, LOGS, _SAID_LINE)(LINE) == "alpha  T"
    assert _said(session(), Form.SHORT, EVENTS, _SAID_RECORD)(RECORD) == "7 T order.sent link_id=pd-1"
    assert _said(session(), Form.JSONL, EVENTS, _SAID_RECORD)(RECORD).startswith('{"seq":7')
    with pytest.raises(UsageError):
        _said(session(columns=("NOSUCH",)), Form.TABLE, LOGS, _SAID_LINE)
