"""In which mode the accounts of an environment are traded."""

from typing import Final

from playd.core.modes import Environment, Mode

MODE_OF: Final = {
    Environment.LOCAL: Mode.PAPER,
    Environment.DEMO: Mode.DEMO,
    Environment.TESTNET: Mode.DEMO,
    Environment.LIVE: Mode.LIVE,
}
