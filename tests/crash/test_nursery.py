"""What is told of lives: one line for each, or an error in time."""

import pytest

from tests.crash import harness
from tests.crash.exchange_process import Birth
from tests.crash.harness import Nursery


def test_a_life_that_nobody_tells_of_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    nursery = Nursery("json.tool")  # says nothing until its input ends
    with monkeypatch.context() as patch:
        patch.setattr(harness, "WITHIN_S", 0.01)
        with pytest.raises(AssertionError, match="no life was told of"):
            nursery.bear({})
    nursery.close()


def test_an_exchange_that_fails_after_its_birth_tells_nothing_more(capsys: pytest.CaptureFixture[str]) -> None:
    birth = Birth()
    birth.tell({"pid": 1})
    birth.tell({})
    assert capsys.readouterr().out == '{"pid": 1}\n'
