"""
Settings anew in a running daemon: read and checked whole, then taken over in one step, between two awaits.

What a key may do while the daemon runs it says itself (`live`); the rest waits for a start and is named. A wrong file changes
nothing. Nothing of it is kept on disk: whoever dies in the middle starts with the files as they are.
"""

from collections.abc import Callable
from dataclasses import replace

from playd.cli.runtime import Runtime
from playd.control.ops_context import OpsParts
from playd.core.canonical import Json
from playd.core.errors import SettingsError
from playd.core.record import Recorder
from playd.orders.halts import ALL
from playd.orders.incidents import Incidents
from playd.settings import Loaded
from playd.settings.built_in import made_by_pairs
from playd.settings.checks import contradictions
from playd.settings.load import MainText, digest_of
from playd.settings.reload import Outcome, changes, taken_over

Read = Callable[[Loaded, MainText | None], Loaded]
"""Reads files, variables and flags again, with a text in place of the main file if one is given. Raises `SettingsError`."""


class Reloader:
    """`look` changes nothing, `reload` does it in one step. Both raise `SettingsError` for files that are wrong."""

    def __init__(self, read: Read, runtime: Runtime, parts: OpsParts, journal: Recorder, incidents: Incidents) -> None:
        self._read = read
        self._runtime = runtime
        self._parts = parts
        self._journal = journal
        self._incidents = incidents

    def look(self, instead: MainText | None = None) -> Outcome:
        """What a reload would do now, or if the main file were another one."""
        return _sorted(self._read(self._parts.loaded, instead), self._parts.loaded, allowed=False)

    def reload(self, actor: str, *, confirm: str = "") -> Outcome:
        """Take over what may be taken over. A looser limit is among it only with the phrase that `Outcome.phrase` asks for."""
        held = self._parts.loaded
        try:
            read = self._read(held, None)
            outcome = _sorted(read, held, allowed=False)
            if outcome.phrase and confirm == outcome.phrase:
                outcome = _sorted(read, held, allowed=True)
            settings = taken_over(held.settings, read.settings, {change.name for change in outcome.refused})
            if found := next(iter(contradictions(settings, held.ceiling, made_by_pairs(held.origins))), None):
                key, text = found
                raise SettingsError(f"{'.'.join(key)}: {text}, while other changes wait for a start")
        except SettingsError as error:
            self._incidents.open("SETTINGS_INVALID", "warning", ALL, f"the settings in force stay: {error}")
            raise
        self._incidents.resolve("SETTINGS_INVALID", ALL, "the files are right")
        # No await from here to the end: whoever looks sees the settings before or those behind, never a part of each.
        self._parts.loaded = replace(held, settings=settings, origins=read.origins, digest=digest_of(settings))
        self._parts.waiting = {change.name: change.after for change in (*outcome.waiting, *outcome.refused)}
        self._parts.since_ms |= dict.fromkeys((change.name for change in outcome.taken), self._parts.world.clock.wall_ms())
        self._runtime.take_settings(settings)
        self._journal.append("daemon.config", _told(self._parts.loaded.digest, outcome), actor=actor)
        return outcome


def _sorted(read: Loaded, held: Loaded, *, allowed: bool) -> Outcome:
    found = changes(held.settings, read.settings)
    now = tuple(change for change in found if change.takes == "now" or (allowed and change.takes == "phrase"))
    refused = tuple(change for change in found if change.takes == "phrase" and not allowed)
    return Outcome(read.digest, now, tuple(change for change in found if change.takes == "restart"), refused)


def _told(digest: str, outcome: Outcome) -> dict[str, Json]:
    return {
        "settings": digest,
        "taken": [f"{change.name}: {change.before} -> {change.after}" for change in outcome.taken],
        "waiting": [change.name for change in outcome.waiting],
        "refused": [change.name for change in outcome.refused],
    }
