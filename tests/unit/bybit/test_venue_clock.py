"""The venue's time by our monotonic clock: who sets the wall clock moves no signature, and no age is ever too small."""

import pytest

from playd.venues.bybit.venue_clock import VenueClock

HOUR_MS = 3_600_000
NOW_MS = 1_700_000_000_000


class Clocks:
    """Both clocks of a machine, each of which may be moved alone."""

    wall, mono = NOW_MS, 5_000

    def wall_ms(self) -> int:
        return self.wall

    def mono_s(self) -> float:
        return self.mono / 1000

    def passes(self, ms: int) -> None:
        self.wall, self.mono = self.wall + ms, self.mono + ms


def measured(*offsets_ms: float) -> tuple[VenueClock, Clocks]:
    clocks = Clocks()
    venue = VenueClock(clocks)
    for offset_ms in offsets_ms:
        assert venue.sample(offset_ms, 20.0)
        clocks.passes(60_000)
    return venue, clocks


def test_the_offset_is_the_median_of_the_last_five_good_samples() -> None:
    venue, clocks = measured(900.0, 10.0, 30.0, 20.0, 5000.0, 40.0)
    assert (venue.offset_ms, venue.venue_ms()) == (30.0, clocks.wall + 30)
    assert not venue.sample(9000.0, 1000.1)
    assert (venue.offset_ms, venue.last_good_age_s) == (30.0, 60.0)


def test_before_the_first_sample_it_is_our_wall_clock() -> None:
    clocks = Clocks()
    venue = VenueClock(clocks)
    clocks.wall += HOUR_MS
    assert (venue.venue_ms(), venue.latest_ms(), venue.offset_ms) == (clocks.wall, clocks.wall, 0.0)


@pytest.mark.parametrize("step_ms", [-HOUR_MS, -1_000, 1_000, 5_000, HOUR_MS])
def test_a_step_of_the_wall_clock_moves_no_signature_and_is_seen_in_the_offset_at_once(step_ms: int) -> None:
    venue, clocks = measured(30.0, 30.0, 30.0)
    before_ms = venue.venue_ms()
    clocks.wall += step_ms
    assert venue.venue_ms() == before_ms
    assert venue.offset_ms == 30.0 - step_ms
    assert venue.to_ours_ms(before_ms) == clocks.wall
    assert venue.latest_ms() == max(before_ms, before_ms + step_ms), "no age is too small"
    clocks.passes(500)
    assert venue.venue_ms() == before_ms + 500


def test_a_machine_that_slept_finds_every_age_as_old_as_the_wall_clock_says() -> None:
    venue, clocks = measured(30.0)
    before_ms = venue.venue_ms()
    clocks.wall += HOUR_MS  # while the monotonic clock stood
    assert venue.latest_ms() == before_ms + HOUR_MS
    assert venue.sample(30.0, 20.0)
    assert venue.sample(30.0, 20.0)
    assert (venue.venue_ms(), venue.latest_ms(), venue.offset_ms) == (before_ms + HOUR_MS, before_ms + HOUR_MS, 30.0)


def test_a_time_that_the_venue_told_with_a_refusal_is_believed_at_once_whatever_was_sampled() -> None:
    venue, clocks = measured(30.0, 30.0, 30.0)
    clocks.wall += 5_000
    venue.heard(clocks.wall - 5_000 + 77)
    assert (venue.venue_ms(), venue.offset_ms, venue.refusals) == (clocks.wall - 4_923, -4_923.0, 1)
