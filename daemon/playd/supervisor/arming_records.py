"""Arming records and waivers in the ledger. Every change is durable when the method returns."""

from dataclasses import replace
from typing import Final

import orjson

from playd.core.canonical import Json, canonical_json, digest
from playd.core.record import Recorder
from playd.orders.ledger import Ledger
from playd.supervisor.arming import Arming, Held
from playd.world.ports import Clock

_LISTS: Final = ("evidence", "waivers")


class Armings:
    """
    The newest record of each instance is kept in memory, because every entry asks for it.

    Ownership: the only writer of the tables `armings` and `waivers`.
    """

    def __init__(self, ledger: Ledger, clock: Clock, journal: Recorder) -> None:
        self._ledger = ledger
        self._clock = clock
        self._journal = journal
        self._held: dict[str, Held | None] = {}

    def held(self, instance_uid: str) -> Held | None:
        """The newest record of an instance, None when it was never armed."""
        if instance_uid not in self._held:
            self._held[instance_uid] = self._load(instance_uid)
        return self._held[instance_uid]

    def create(self, draft: Arming) -> Held:
        """
        Put a new record in force, in place of the one before. `id` and `digest` of the draft are made here.

        One that follows a confirmed record without a gap, for the same Play and step, needs no new confirmation.
        """
        before = self.held(draft.instance_uid)
        named = replace(draft, id=f"arm-{digest({**draft.fields(), 'id': ''})[:16]}")
        arming = replace(named, digest=digest(named.fields()))
        goes_on = before is not None and before.confirmed and not before.revoked_by and _same_subject(before.arming, arming)
        confirmed_ms = arming.created_ms if goes_on and before is not None else None
        self._ledger.write(
            "INSERT INTO armings (id, instance, created_ms, expires_ms, body, confirmed_ms, confirmed_by)"
            " VALUES (?,?,?,?,?,?,?)",
            (
                arming.id,
                arming.instance_uid,
                arming.created_ms,
                arming.expires_ms,
                canonical_json({**arming.fields(), "digest": arming.digest}).decode(),
                confirmed_ms,
                arming.actor if confirmed_ms is not None else "",
            ),
        )
        self._ledger.commit()
        data: dict[str, Json] = {
            "id": arming.id,
            "expires_ms": arming.expires_ms,
            "waivers": list(arming.waivers),
            "digest": arming.digest,
        }
        self._journal.append("arm.created", data, instance=arming.instance_uid, account=arming.account, actor=arming.actor)
        return self._again(arming.instance_uid)

    def confirm(self, instance_uid: str, actor: str) -> Held | None:
        """A person started it with the phrase: it may trade as long as its record holds."""
        held = self.held(instance_uid)
        if held is None or held.confirmed:
            return held
        self._ledger.write(
            "UPDATE armings SET confirmed_ms = ?, confirmed_by = ? WHERE id = ?",
            (self._clock.wall_ms(), actor, held.arming.id),
        )
        self._ledger.commit()
        self._journal.append("arm.confirmed", {"id": held.arming.id}, instance=instance_uid, actor=actor)
        return self._again(instance_uid)

    def revoke(self, instance_uid: str, actor: str) -> Held | None:
        """Take the newest record back; nothing happens when there is none in force."""
        held = self.held(instance_uid)
        if held is None or held.revoked_by:
            return held
        self._ledger.write(
            "UPDATE armings SET revoked_ms = ?, revoked_by = ? WHERE id = ?", (self._clock.wall_ms(), actor, held.arming.id)
        )
        self._ledger.commit()
        self._journal.append("arm.revoked", {"id": held.arming.id}, instance=instance_uid, actor=actor)
        return self._again(instance_uid)

    def waive(self, name: str, *, reason: str, actor: str, until_ms: int) -> None:
        """Let a check pass that fails, for some days, because a person says so."""
        self._ledger.write(
            "INSERT OR REPLACE INTO waivers (name, reason, actor, created_ms, until_ms) VALUES (?,?,?,?,?)",
            (name, reason, actor, self._clock.wall_ms(), until_ms),
        )
        self._ledger.commit()
        self._journal.append("arm.waived", {"check": name, "reason": reason, "until_ms": until_ms}, actor=actor)

    def waivers(self) -> dict[str, tuple[str, int]]:
        """Checks that are waived now: reason and end in ms, by name."""
        rows = self._ledger.rows("SELECT * FROM waivers WHERE until_ms > ? ORDER BY name", (self._clock.wall_ms(),))
        return {row["name"]: (row["reason"], row["until_ms"]) for row in rows}

    def _again(self, instance_uid: str) -> Held:
        found = self._held[instance_uid] = self._load(instance_uid)
        assert found is not None  # written above
        return found

    def _load(self, instance_uid: str) -> Held | None:
        row = self._ledger.row(
            "SELECT * FROM armings WHERE instance = ? ORDER BY created_ms DESC, id DESC LIMIT 1", (instance_uid,)
        )
        if row is None:
            return None
        body = orjson.loads(row["body"])
        # A record of an older program names no policy: it is not whole, so it is given anew.
        arming = Arming(**{"policy": "", **body, **{name: tuple(body[name]) for name in _LISTS}})
        # The columns beside the body are for people and indexes; what counts is what the digest covers.
        return Held(arming, row["confirmed_ms"] is not None, row["revoked_by"])


def _same_subject(before: Arming, after: Arming) -> bool:
    """Whether a record goes on where another one still holds."""
    same = ("account", "uid", "instance_uid", "play_digest", "capital_step")
    return before.expires_ms > after.created_ms and all(getattr(before, name) == getattr(after, name) for name in same)
