"""Tells people that a permission to trade with real money ends soon, and that it has ended."""

from collections.abc import Callable
from typing import Final, NoReturn

import anyio

from playd.core.modes import Mode
from playd.core.record import Recorder
from playd.orders.halts import instance_scope
from playd.orders.incidents import Incidents
from playd.settings.limits_model import Arming as ArmingSettings
from playd.supervisor.arming import expires_soon
from playd.supervisor.arming_records import Armings
from playd.supervisor.slot import Slot
from playd.supervisor.supervisor import Supervisor
from playd.world.ports import Clock

LOOK_EVERY_S: Final = 60.0


class ArmingWatch:
    """`run` until cancelled; the end itself is seen by the gates at once, only its telling takes a minute."""

    def __init__(
        self,
        armings: Armings,
        incidents: Incidents,
        journal: Recorder,
        supervisor: Supervisor,
        settings: Callable[[], ArmingSettings],
        clock: Clock,
    ) -> None:
        self._armings = armings
        self._incidents = incidents
        self._journal = journal
        self._supervisor = supervisor
        self._settings = settings
        self._clock = clock
        self._told: dict[str, str] = {}
        """What was last said of an instance, by uid."""

    async def run(self) -> NoReturn:
        while True:
            for slot in self._supervisor.slots.values():
                if slot.record.mode is Mode.LIVE:
                    self.look(slot)
            await anyio.sleep(LOOK_EVERY_S)

    def look(self, slot: Slot) -> None:
        """Open or resolve the incidents of one instance, each once."""
        uid, scope, now_ms = slot.record.uid, instance_scope(slot.record.uid), self._clock.wall_ms()
        held = self._armings.held(uid)
        settings = self._settings()
        left_h = expires_soon(held, now_ms, settings.warn_before_h, settings.max_days)
        over = held is not None and not held.revoked_by and now_ms >= held.arming.ends_ms(settings.max_days)
        saying = "over" if over else "soon" if left_h is not None else ""
        if saying == self._told.get(uid):
            return
        self._told[uid] = saying
        if saying == "over" and held is not None:
            self._incidents.resolve("ARMING_ENDS", scope, "it has ended")
            self._incidents.open("ARMING_OVER", "warning", scope, f"{slot.name} is not armed any more: it only leads out")
            self._journal.append("arm.expired", {"id": held.arming.id}, instance=uid, account=slot.record.account)
            return
        self._incidents.resolve("ARMING_OVER", scope, "it is armed, or nobody wants it to be")
        if saying == "soon":
            self._incidents.open("ARMING_ENDS", "warning", scope, f"{slot.name} is armed for {left_h} hours more")
        else:
            self._incidents.resolve("ARMING_ENDS", scope, "it is armed for longer, or nobody wants it to be")
