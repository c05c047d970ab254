"""What is told of lives: one line for each, or an error in time."""

import os

import pytest

from tests.crash import nursery as place
from tests.crash.nursery import Birth, Nursery


def test_a_life_that_nobody_tells_of_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    nursery = Nursery("json.tool")  # says nothing until its input ends
    with monkeypatch.context() as patch:
        patch.setattr(place, "WITHIN_S", 0.01)
        with pytest.raises(AssertionError, match="no life was told of"):
            nursery.bear({})
    nursery.close()


def test_an_exchange_that_fails_after_its_birth_tells_nothing_more() -> None:
    heard, told = os.pipe()
    birth = Birth(told)
    birth.tell({"pid": 1})
    birth.tell({})
    os.close(told)
    with open(heard) as lines:
        assert lines.read() == '{"pid": 1}\n'
