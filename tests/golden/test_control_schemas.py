"""The shipped JSON Schemas of the control methods are the generated ones."""

from pathlib import Path

from playd.control.json_schema import schema_texts

SHIPPED = Path(__file__).parents[2] / "config" / "schema" / "control"


def test_the_shipped_schemas_are_the_generated_ones() -> None:
    shipped = {path.name: path.read_text() for path in SHIPPED.iterdir()}
    assert shipped == schema_texts(), "run `make generated`"


def test_every_change_takes_a_request_id_and_no_look_does() -> None:
    for name, text in schema_texts().items():
        assert ('"request_id"' in text) is ('"x-changes": true' in text), name
