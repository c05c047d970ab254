"""Whose requests use up the limits: counts since 00:00 UTC, or since the program began if that is later."""

from collections import defaultdict

from playd.core.timeframes import DAY_MS


class RateUse:
    """Requests of one UTC day by bucket and by owner: an instance, a symbol, or the empty text for the account itself."""

    def __init__(self) -> None:
        self._day = -1
        self._counts: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def count(self, bucket: str, owner: str, now_ms: int) -> None:
        """One request left."""
        if now_ms // DAY_MS != self._day:
            self._day = now_ms // DAY_MS
            self._counts.clear()
        counts = self._counts[bucket]
        counts[owner] = counts.get(owner, 0) + 1

    def of(self, bucket: str, now_ms: int) -> dict[str, int]:
        """Requests of today by owner, the most first."""
        counts = self._counts.get(bucket, {}) if now_ms // DAY_MS == self._day else {}
        return dict(sorted(counts.items(), key=lambda each: -each[1]))
