"""
Images of one instance's columns on disk, so that a start after months does not replay months.

`instances/<name>/columns.bin` and the generation before it: one line with a checksummed envelope, then the values. An image
only saves time. One that cannot be used costs a start that replays from the anchor, with the same bits, and is told.

Generations lie three days of minutes apart, and the older one is used: what people ask about the last days is then computed
again instead of kept.
"""

import hashlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.core import envelope
from playd.core.errors import StateError
from playd.core.limits import KEPT_BASE_BARS, KEPT_LEAST_BARS, STATE_BYTES
from playd.plays.column_image import ColumnImage
from playd.plays.columns import NEVER
from playd.plays.keep import Keep
from playd.supervisor.keeper import IMAGE_NAME
from playd.world.ports import Disk

SCHEMA: Final = "column-image/1"

KEEP: Final = Keep(base_bars=KEPT_BASE_BARS, least_bars=KEPT_LEAST_BARS)
"""What running instances keep of their columns."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose columns they are, and the code that computed them: bits of another version are not ours to go on from."""

    uid: str
    play_digest: str
    code: str


class ColumnKeeper:
    """Writes and reads the images of one instance. Holds no file open. All methods block for the time of one disk write."""

    def __init__(self, disk: Disk, instances_dir: PurePath, name: str, owner: Owner) -> None:
        self._disk = disk
        self._owner = owner
        self.path = instances_dir / name / IMAGE_NAME
        self.previous_path = self.path.with_name(f"{IMAGE_NAME}.prev")

    def save(self, image: ColumnImage, written_ms: int) -> None:
        """Keep an image; the present one becomes the older generation. Raises `OSError` when the disk refuses."""
        body = hashlib.sha256(image.body).hexdigest()
        payload = {"uid": self._owner.uid, "play_digest": self._owner.play_digest, "code": self._owner.code}
        head = envelope.seal(SCHEMA, {**payload, "body": body, "image": image.head()}, written_ms, limit=STATE_BYTES)
        self._disk.mkdir(self.path.parent)
        self._disk.write_replace(self.path, head + b"\n" + image.body, keep_previous=True)

    def forget_newest(self) -> None:
        """Remove the newer generation: candles that it stands on were corrected."""
        if self._disk.exists(self.path):
            self._disk.remove(self.path)

    def load(self, last_open_ms: int) -> ColumnImage | None:
        """
        The older generation, if it does not reach beyond the bar `last_open_ms`; None when there is none yet, or when other
        code or another Play made it.

        Raises `StateError` when it is damaged.
        """
        try:
            data = self._disk.read_bytes(self.previous_path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"{self.previous_path}: {error}") from error
        line, _, body = data.partition(b"\n")
        payload, _ = envelope.unseal(SCHEMA, line, str(self.previous_path))
        if Owner(payload.get("uid", ""), payload.get("play_digest", ""), payload.get("code", "")) != self._owner:
            return None
        if hashlib.sha256(body).hexdigest() != payload["body"]:
            raise StateError(f"{self.previous_path}: the digest does not match the values")
        image = ColumnImage.of(payload["image"], body)
        return image if image.last_open_ms <= last_open_ms else None


class Images:
    """The images of one life, and when the next is due: every `KEPT_BASE_BARS` base bars, for each instance at another bar."""

    def __init__(self, keeper: ColumnKeeper, uid: str, base_step_ms: int, last_open_ms: int) -> None:
        self.keeper = keeper
        self._base_step_ms = base_step_ms
        self._phase = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8])
        self._turn = self._turn_of(last_open_ms)

    def due(self, open_ms: int) -> bool:
        """Whether one is due at the bar that opens then; says so once."""
        turn = self._turn_of(open_ms)
        is_due, self._turn = turn != self._turn, turn
        return is_due

    def older(self) -> ColumnImage | None:
        """An image that lies at least a turn back; None when there is none that can be used."""
        try:
            return self.keeper.load(NEVER)
        except StateError:
            return None

    def _turn_of(self, open_ms: int) -> int:
        return (open_ms // self._base_step_ms + self._phase) // KEPT_BASE_BARS
