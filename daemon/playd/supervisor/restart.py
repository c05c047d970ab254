"""The restart law, after OTP: (history of restarts, now) to restart after a delay, or quarantine. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartBudget:
    """
    How often a task may be restarted.

    Attributes:
        restart_max: Restarts allowed inside the window; one more is quarantine.
        window_ms: Length of the window.
        backoff_s: Delay before the first, second, … restart of a window; the last one repeats.
        jitter: Fraction by which a delay varies either way, so that a common cause does not restart all at once.
    """

    restart_max: int
    window_ms: int
    backoff_s: tuple[float, ...]
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if self.restart_max > 0 and not self.backoff_s:
            raise ValueError("a restart budget needs at least one delay")


@dataclass(frozen=True, slots=True)
class RestartAfter:
    """Start again after `delay_s`. `history` is what to remember: the restarts inside the window, this one included."""

    delay_s: float
    history: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The budget is exhausted: no further start until a person resets it. `history` shows why."""

    history: tuple[int, ...]


def after_crash(history: Sequence[int], now_ms: int, budget: RestartBudget, draw: float) -> RestartAfter | Quarantine:
    """
    What to do about a crash at `now_ms`.

    Args:
        history: Times of earlier restarts in ms. A time in the future (the clock stepped back) counts as recent.
        now_ms: Time of the crash on the same clock.
        draw: Uniform number in [0, 1) for the jitter.

    Returns:
        `RestartAfter` while fewer than `restart_max` restarts lie inside the window that ends now, else `Quarantine`.
    """
    recent = tuple(at_ms for at_ms in history if now_ms - at_ms < budget.window_ms)
    if len(recent) >= budget.restart_max:
        return Quarantine(recent)
    base_s = budget.backoff_s[min(len(recent), len(budget.backoff_s) - 1)]
    return RestartAfter(base_s * (1.0 + budget.jitter * (2.0 * draw - 1.0)), (*recent, now_ms))
