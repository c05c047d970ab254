"""What signals ask of a running daemon: TERM and INT end it, a second one hurries its end, HUP takes the settings over anew."""

from collections.abc import AsyncIterator
from typing import Final

import anyio
import structlog

from playd.cli.shutdown import Shutdown
from playd.control.context import Reload
from playd.core.errors import SettingsError
from playd.ops.notify import ServiceManager
from playd.world.ports import Clock, Signal

HURRY_WITHIN_S: Final = 3.0

_log = structlog.get_logger()


async def stop_signal(signals: AsyncIterator[Signal], settings: Reload, service: ServiceManager, clock: Clock) -> str:
    """Return when a signal says stop, with its name; serve the others until then."""
    async for received in signals:
        if received is not Signal.HUP:
            return str(received)
        with service.reloading(clock.mono_s()):
            _reload(settings)
    return "signals ended"


def _reload(settings: Reload) -> None:
    """What HUP asks for. Nobody can type a phrase here, so that a looser limit stays as it was, and is named."""
    try:
        outcome = settings.reload("HUP")
    except SettingsError as error:
        _log.error("daemon.reload", msg=f"nothing was taken over: {error}")
        return
    parts = (("taken", outcome.taken), ("wait for a start", outcome.waiting), ("need `playctl config reload`", outcome.refused))
    said = [f"{word}: {', '.join(change.name for change in found)}" for word, found in parts if found]
    _log.info("daemon.reload", msg="; ".join(said) or "nothing differs")


async def hurry_on_second(signals: AsyncIterator[Signal], shutdown: Shutdown) -> None:
    """A second signal within a moment skips what a stop only waits for."""
    with anyio.move_on_after(HURRY_WITHIN_S):
        async for received in signals:
            if received is not Signal.HUP:
                shutdown.hurry()
