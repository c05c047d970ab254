"""
What the service manager hears: ready, status, watchdog, stopping. Without a service manager every call does nothing.

The watchdog is honest: `beat` sends `WATCHDOG=1` only when nothing is wrong, and says what is wrong otherwise, so that the log
names the failing condition before the manager kills the process.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from playd.world.ports import Process

_STATUS_CHARACTERS: Final = 500
"""A status is one line for `systemctl status`; a longer one is cut."""


class ServiceManager:
    """Notifications of one daemon."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._ready = False
        self._heard = False
        """Whether the word that it is ready left: a manager whose queue was full is told again with the next beat."""

    @property
    def beat_every_s(self) -> float | None:
        """A third of the watchdog's period, or None when nobody watches."""
        period_s = self._process.watchdog_period_s()
        return None if period_s is None else period_s / 3

    def status(self, text: str) -> None:
        """One line about what the daemon is doing."""
        self._process.sd_notify(f"STATUS={_one_line(text)}")

    def ready(self, text: str) -> None:
        """Say once that the daemon works, with a first status. Later calls change the status only."""
        if self._ready:
            self.status(text)
            return
        self._ready = True
        self._heard = self._process.sd_notify(f"READY=1\nSTATUS={_one_line(text)}")

    def extend(self, seconds: float, text: str) -> None:
        """Ask for more time to start or stop: `seconds` from now on."""
        self._process.sd_notify(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}\nSTATUS={_one_line(text)}")

    @contextmanager
    def reloading(self, mono_s: float) -> Iterator[None]:
        """Settings are taken over while the block lasts. `mono_s`: the monotonic clock. Before it is ready nothing is said."""
        if self._ready:
            self._process.sd_notify(f"RELOADING=1\nMONOTONIC_USEC={round(mono_s * 1e6)}")
        try:
            yield
        finally:
            if self._ready:
                self._heard = self._process.sd_notify("READY=1")

    def beat(self, failing: Sequence[str]) -> bool:
        """Send the watchdog's beat unless conditions fail (`failing` names them). Returns whether it was sent."""
        if failing:
            self.status(f"watchdog withheld: {', '.join(failing)}")
            return False
        if self._ready and not self._heard:
            self._heard = self._process.sd_notify("READY=1")
        return self._process.sd_notify("WATCHDOG=1")

    def stopping(self, text: str) -> None:
        """Say that the daemon is on its way out."""
        self._process.sd_notify(f"STOPPING=1\nSTATUS={_one_line(text)}")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_STATUS_CHARACTERS]
