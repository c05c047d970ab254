"""What DRL-25 asks of fills that could not be verified: the venue was away, or was about to go."""

from typing import Any

import pytest

from playd.ops.drills.scenarios.outage import raised_beside

AWAY = [(100_000, 140_000), (200_000, 208_000)]


def halt(raised_ms: int) -> dict[str, Any]:
    return {"code": "FILL_CHECK", "raised_ms": raised_ms}


@pytest.mark.parametrize("raised_ms", [100_000, 110_000, 140_000, 200_000, 208_001, 215_000])
def test_a_fill_that_cannot_be_verified_while_the_venue_is_away_is_expected(raised_ms: int) -> None:
    assert raised_beside([halt(raised_ms)], AWAY) == []


@pytest.mark.parametrize("raised_ms", [99_999, 140_001, 160_000, 199_999, 215_001])
def test_a_fill_that_is_not_verified_while_the_venue_is_there_fails_the_drill(raised_ms: int) -> None:
    assert raised_beside([halt(110_000), halt(raised_ms)], AWAY) == [halt(raised_ms)]
