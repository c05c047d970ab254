"""The shipped JSON Schemas of the control methods are the generated ones, for what each takes and for what it answers."""

from pathlib import Path
from typing import Any

import pytest

from playd.control.json_schema import schema_texts
from playd.control.methods import CHANGES, LOOKS
from tests.answers import check_answer, faults, result_schema

SHIPPED = Path(__file__).parents[2] / "config" / "schema" / "control"
NOW = "2024-01-31T08:00:00.000Z"


def test_the_shipped_schemas_are_the_generated_ones() -> None:
    shipped = {path.name: path.read_text() for path in SHIPPED.iterdir()}
    assert shipped == schema_texts(), "run `make generated`"


def test_every_change_takes_a_request_id_and_no_look_does() -> None:
    for name in LOOKS | CHANGES:
        text = (SHIPPED / f"{name}.json").read_text()
        assert ('"request_id"' in text) is (name in CHANGES) is ('"x-changes": true' in text), name


@pytest.mark.parametrize("name", sorted(LOOKS | CHANGES))
def test_every_method_declares_what_it_answers(name: str) -> None:
    data = result_schema(name)["properties"]["data"]
    assert data.get("$ref") or data["type"] == "array" or data["properties"], f"{name} may answer anything"


def halts(**other: Any) -> dict[str, Any]:
    row = {"scope": "all", "level": 2, "code": "OPERATOR", "actor": "uid:0", "text": "look", "raised": NOW, "age_s": 1.5}
    row |= {"ends": None, "still_holds": False, "cause": "person"} | other
    return {"schema": "playd.halt.list/1", "ts": NOW, "data": [row], "warnings": []}


def test_an_answer_as_it_is_declared_passes() -> None:
    check_answer(halts())


@pytest.mark.parametrize(
    "other",
    [{"level": "2"}, {"level": True}, {"raised": "2024-01-31 08:00"}, {"age_s": "1.5"}, {"text": None}, {"colour": "red"}],
)
def test_an_answer_of_another_type_or_with_a_key_that_nobody_declared_does_not(other: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match=next(iter(other))):
        check_answer(halts(**other))


def test_a_key_that_must_be_there_is_missed() -> None:
    answer = halts()
    del answer["data"][0]["cause"]
    with pytest.raises(AssertionError, match="no cause"):
        check_answer(answer)


def test_amounts_are_text_and_no_numbers() -> None:
    schema = result_schema("position.list")
    figure = {"$ref": "#/$defs/Figure"}
    good = {"value": "61250.5", "unit": "USDT", "source": "venue", "age_s": 0.4}
    assert not faults(good, figure, schema, "figure")
    for value in (61250.5, "6.1e4", "NaN", ""):
        assert faults({**good, "value": value}, figure, schema, "figure"), value
