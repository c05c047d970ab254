"""Every way in which the local exchange can misbehave is one that the daemon has been seen to meet."""

import re

from playd.venues.exchange.faults.kinds import KINDS
from tests.tidy.source import ROOT

MET_IN = ("test_faults_and_daemon.py", "test_faults_and_parity.py", "test_two_symbols.py")


def test_the_daemon_meets_every_kind_of_fault() -> None:
    scripts = "".join((ROOT / "tests" / "integration" / name).read_text() for name in MET_IN)
    met = {*re.findall(r'fault\(\s*"(\w+)"', scripts), *re.findall(r"kind: (\w+)", scripts)}
    assert set(KINDS) - met == set()
