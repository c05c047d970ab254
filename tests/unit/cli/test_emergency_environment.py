"""Whose hosts a key meets is said by the person, or by an account that is called like an environment."""

import pytest

from playd.cli.emergency_flatten import FlattenOptions, _environment
from playd.core.errors import SettingsError
from playd.core.modes import Environment


def options(account: str, environment: str = "") -> FlattenOptions:
    return FlattenOptions(account, "", "", environment, "global", "", "", yes=True, as_json=False)


def test_an_environment_that_was_not_typed_is_not_complained_of() -> None:
    assert _environment(options("live")) is Environment.LIVE
    assert _environment(options("mine", "demo")) is Environment.DEMO
    with pytest.raises(SettingsError, match=r"^no --environment found, and 'loc' is none; one of"):
        _environment(options("loc"))
    with pytest.raises(SettingsError, match=r"^--environment 'nodemo' found; one of"):
        _environment(options("mine", "nodemo"))
