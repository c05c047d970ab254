"""A subscriber hears what it asked for, of every topic by the same words; what can never come is refused."""

from typing import Any, cast

import anyio
import pytest

from playd.control.context import Daemon
from playd.control.dispatch import Call, Method, _validated
from playd.control.look_methods import subscribe
from playd.control.params import StreamFilter, Subscribe
from playd.control.protocol import Code, RpcError
from playd.control.stream_filter import Wanted, wanted_of

OF: dict[str, Any] = {"instance": "alpha", "account": "main", "symbol": "BTCUSDT"}
MESSAGES: dict[str, dict[str, Any]] = {
    "status": {**OF, "from": "running", "to": "paused"},
    "events": {**OF, "kind": "order.sent", "data": {}},
    "logs": {**OF, "event": "order.state", "level": "warning"},
    "fills": {**OF, "event": "fill.booked"},
    "verdicts": {**OF, "verdict": "ENTERED"},
}


@pytest.mark.parametrize("topic", MESSAGES)
def test_every_topic_is_filtered_by_instance_account_and_symbol(topic: str) -> None:
    message = MESSAGES[topic]
    assert Wanted()(topic, message)
    for right, wrong in (
        (Wanted(names=("alpha", "u1")), Wanted(names=("beta", "u2"))),
        (Wanted(account="main"), Wanted(account="other")),
        (Wanted(symbol="BTCUSDT"), Wanted(symbol="ETHUSDT")),
    ):
        assert right(topic, message)
        assert not wrong(topic, message)


@pytest.mark.parametrize(
    ("topic", "kind"),
    [("status", "pause*"), ("events", "order.*"), ("logs", "order.*"), ("fills", "fill.*"), ("verdicts", "ENTER*")],
)
def test_every_topic_is_filtered_by_what_a_message_of_it_is(topic: str, kind: str) -> None:
    assert Wanted(kind=kind)(topic, MESSAGES[topic])
    assert not Wanted(kind="x.*")(topic, MESSAGES[topic])


def test_messages_of_one_instance_are_found_by_its_name_and_by_its_uid() -> None:
    wanted = Wanted(names=("alpha", "u1"))
    assert [wanted("logs", {"instance": called}) for called in ("alpha", "u1", "u2", None)] == [True, True, False, False]


def test_a_level_is_of_lines_and_a_severity_of_records_and_others_pass_them() -> None:
    grave = Wanted(level="warning", severity="critical")
    levels = ("debug", "info", "warning", "error", "critical")
    assert [grave("logs", {"level": level}) for level in levels] == [False, False, True, True, True]
    assert grave("events", {"kind": "incident.open", "data": {"severity": "critical"}})
    assert not grave("events", {"kind": "incident.open", "data": {"severity": "warning"}})
    assert not grave("events", {"kind": "order.sent", "data": {}})
    assert grave("fills", MESSAGES["fills"])


@pytest.mark.parametrize(
    ("given", "topics", "text"),
    [
        ({"level": "error"}, ["fills"], "expected topic logs"),
        ({"severity": "critical"}, ["logs"], "expected topic events"),
        ({"kind": "ordr.*"}, ["events"], r"did you mean 'order\.\*'"),
        ({"kind": "zzz"}, ["fills"], r"there are: fill\.booked"),
    ],
)
def test_what_never_comes_is_refused_and_not_waited_for(given: dict[str, str], topics: list[str], text: str) -> None:
    with pytest.raises(RpcError, match=text) as caught:
        wanted_of(StreamFilter.model_validate(given), topics, ())
    assert caught.value.code is Code.INVALID_PARAMS


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"topics": ["logs"], "filter": {"symbl": "BTCUSDT"}}, r"filter\.symbl: no such parameter; did you mean symbol\?"),
        ({"topics": ["logs"], "filtr": {}}, r"filtr: no such parameter; did you mean filter\?"),
        ({"topics": ["logs"], "zzz": 1}, "zzz: no such parameter; there are: topics, instance, filter"),
        ({"topics": ["log"]}, r"topics\.0: found 'log', .*did you mean logs\?"),
        ({"topics": ["logs"], "filter": {"level": "eror"}}, r"did you mean error\?"),
    ],
)
def test_a_parameter_that_there_is_not_is_refused_with_the_nearest(params: dict[str, Any], text: str) -> None:
    async def nobody(_params: Any, _call: Any) -> dict[str, Any]:
        return {}

    with pytest.raises(RpcError, match=text):
        _validated(Method(Subscribe, nobody), params)


def test_two_instances_for_the_one_that_is_wanted_are_refused() -> None:
    asked = Subscribe.model_validate({"topics": ["fills"], "instance": "held", "filter": {"instance": "busy"}})
    with pytest.raises(RpcError, match=r"found 'held' and 'busy' as filter\.instance"):
        anyio.run(subscribe, cast("Daemon", None), asked, cast("Call", None))
