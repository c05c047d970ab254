"""Texts of the command line are read strictly."""

import pytest

from playd.cli.moments import time_ms
from playd.cli.values import overrides_of
from playd.core.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("2024-01-31", 1_706_659_200_000),
        ("2024-01-31T12:00:00Z", 1_706_702_400_000),
        ("2024-01-31T12:00:00+02:00", 1_706_695_200_000),
        ("1706659200000", 1_706_659_200_000),
    ],
)
def test_times_are_dates_rfc3339_or_epoch_ms(text: str, expected: int | None) -> None:
    assert time_ms(text, "--start") == expected


def test_another_time_names_its_flag() -> None:
    with pytest.raises(SettingsError, match=r"--start 'soon'"):
        time_ms("soon", "--start")


def test_values_of_variables_keep_their_type() -> None:
    found = overrides_of(["n=5", "x=0.5", "on=true", "word=fast"])
    assert found == {"n": 5, "x": 0.5, "on": True, "word": "fast"}
    assert [type(value) for value in found.values()] == [int, float, bool, str]


def test_a_setting_without_a_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="name=value"):
        overrides_of(["5"])
