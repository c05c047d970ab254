"""What anybody who makes records may ask of the journal. The hash chain behind it lives in `ops/journal`."""

from collections.abc import Awaitable, Mapping
from typing import Protocol

from playd.core.canonical import Json


class Recorder(Protocol):
    """
    Append-only records, numbered without gap.

    `append` never waits and never yields; `synced` waits until everything appended so far survives a crash. Commands, halts,
    panic steps and arming wait for `synced` before they are acknowledged.
    """

    def append(
        self,
        kind: str,
        data: Mapping[str, Json],
        *,
        mode: str | None = None,
        account: str | None = None,
        instance: str | None = None,
        symbol: str | None = None,
        cause: int | str | None = None,
        actor: str = "daemon",
    ) -> int:
        """
        Queue one record and return its number.

        `kind` must be in the catalogue. `data` holds no floats: decimals are strings. Raises `Broken` for a record that breaks
        these rules, `RecordError` when the journal has failed or its queue is full.
        """
        ...

    def synced(self) -> Awaitable[None]:
        """Return when every record appended before this call is on the medium. Raises `RecordError`."""
        ...

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the last record."""
        ...
