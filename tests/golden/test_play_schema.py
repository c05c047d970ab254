"""The shipped JSON Schema of Plays is the generated one."""

from pathlib import Path

from playd.plays.json_schema import schema_text


def test_the_shipped_schema_is_the_generated_one() -> None:
    shipped = Path(__file__).parents[2] / "config" / "schema" / "play.schema.json"
    assert shipped.read_text() == schema_text(), "run `make generated`"
