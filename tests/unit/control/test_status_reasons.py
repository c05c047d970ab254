"""While the daemon starts nobody has stopped an instance that shall run."""

from types import SimpleNamespace
from typing import Any

import pytest

from playd.control.rows import _reasons, in_short
from playd.supervisor.states import Reason


@pytest.mark.parametrize(
    ("ready", "active", "desired", "failed", "code"),
    [
        (False, False, "running", None, "daemon_starting"),
        (False, False, "flat", None, "daemon_starting"),
        (False, True, "running", None, "why"),
        (False, False, "stopped", None, "why"),
        (False, False, "running", Reason("x", ""), "why"),
        (True, False, "running", None, "why"),
    ],
)
def test_an_instance_that_waits_for_the_start_says_so(
    ready: bool, active: bool, desired: str, failed: Reason | None, code: str
) -> None:
    daemon: Any = SimpleNamespace(progress=SimpleNamespace(ready=ready, step="clock of the venue"))
    slot: Any = SimpleNamespace(
        name="alpha",
        active=active,
        record=SimpleNamespace(enabled=True, desired=desired),
        facts=SimpleNamespace(failed=failed),
        reasons=(Reason("why", "because"),),
    )
    assert [reason["code"] for reason in _reasons(daemon, slot)] == [code]


def test_a_reason_with_every_fault_of_a_file_is_told_by_its_beginning() -> None:
    assert in_short("x" * 1000, "playctl show alpha") == "x" * 1000
    told = in_short("x" * 200_000, "playctl show alpha")
    assert told == "x" * 1000 + "… 200000 characters in all, see `playctl show alpha`"
