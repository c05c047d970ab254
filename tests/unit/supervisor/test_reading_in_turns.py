"""A Play is read in steps, and others go on between any two of them."""

import sys
from collections.abc import Iterator
from pathlib import PurePath
from typing import cast

import anyio
import anyio.lowlevel
import pytest

from playd.core.errors import PlayError
from playd.core.limits import PLAY_FILE_BYTES
from playd.plays.compile import compile_steps
from playd.plays.load import load_play, load_steps
from playd.supervisor.plays import STEP_S, read_in_turns, read_play
from playd.world.ports import Clock
from playd.world.virtual import virtual_world

FILE = PurePath("/play.yml")


def large_play(rules: int = 26) -> str:
    """Some thirteen KiB: indicators, rules that look at them, and an entry that asks for all of these."""
    features = "".join(
        f"  ema_{i}: {{indicator: ema, params: {{length: {5 + i}}}}}\n"
        f"  rsi_{i}: {{indicator: rsi, params: {{length: {3 + i}}}}}\n"
        f"  bands_{i}:\n    indicator: bbands\n    params: {{length: {10 + i}, std: 2.0}}\n"
        for i in range(rules)
    )
    setups = "".join(
        f"  up_{i}:\n    all:\n      - [close, '>', ema_{i}]\n      - [rsi_{i}, '<', 70]\n      - any:\n"
        f"          - [close, '<', {{feature_id: bands_{i}, field: upper}}]\n"
        f"          - {{holds_for: {{bars: 3, expr: [close, '>', {{feature_id: ema_{i}, offset: 2}}]}}}}\n"
        f"          - [rsi_{i}, between, [10, 60]]\n"
        for i in range(rules)
    )
    entry = ", ".join(f"{{setup: up_{i}}}" for i in range(rules))
    return (
        'version: "3.0.0"\nname: large\nsymbol: BTCUSDT\naccount: {starting_equity_usdt: 10000, max_leverage: 3}\n'
        f"timeframes: {{low_tf: 1m, med_tf: 15m, high_tf: 1h, exec: low_tf}}\nfeatures:\n{features}setups:\n{setups}"
        f"actions:\n  entry_long: {{any: [{entry}]}}\n  exit_long: {{all: [[close, '<', ema_0]]}}\n"
        "position_policy: {exit_mode: first_hit}\nrisk_model:\n  stop_loss: {type: percent, value: 0.8, basis: price}\n"
        "  take_profit: {type: percent, value: 0.8, basis: price}\n  sizing: {model: percent_equity, value: 10}\n"
    )


class Busy:
    """A clock at which every look finds that the time of a step has passed."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def mono_s(self) -> float:
        self._now_s += STEP_S
        return self._now_s

    def wall_ms(self) -> int:
        return 0


def calls_of(steps: Iterator[None]) -> list[int]:
    """How many functions each step called."""
    found: list[int] = []
    count = 0

    def look(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    while True:
        count = 0
        sys.setprofile(look)
        try:
            next(steps)
        except (StopIteration, PlayError):
            return found
        finally:
            sys.setprofile(before)
            found.append(count)


def test_no_step_of_reading_a_large_play_is_a_tenth_of_it() -> None:
    text = large_play()
    assert len(text) > 12_000
    load_play(text, "before")  # what is computed once for all Plays
    calls = calls_of(cast("Iterator[None]", load_steps(text, "large")))
    assert max(calls) < sum(calls) / 10
    assert sum(calls) > 100_000, "the measure sees the work"


def test_a_step_of_a_play_of_many_times_the_size_is_no_longer() -> None:
    """A long list of what nothing looks into: it is read, taken over and searched for variables a part at a time."""
    notes = ", ".join(f"{{of: {i}, by: [a, b]}}" for i in range(2_000))
    calls = calls_of(cast("Iterator[None]", load_steps(f"{large_play(1)}notes: [{notes}]\n", "long")))
    assert max(calls) < sum(calls) / 100


def largest(shape: str) -> str:
    """A Play of nearly the largest size, most of it in one place."""
    if shape == "rules":
        return large_play(110)
    if shape == "typos":
        return large_play(110).replace("[rsi_", "[rsy_")
    if shape == "questions":
        return large_play(96).replace("\n      - [close,", "\n      # import: what? [aaaaaa]\n      - [close,")
    one, line = large_play(1), "      - {any: [[rsi_0, '<', 70], [ema_0, '>', {feature_id: ema_0, offset: 1}]]}\n"
    if shape == "one action":
        return one.replace("exit_long: {all: [[close, '<', ema_0]]}", f"exit_long:\n    all:\n{line * 390}").replace(
            "    all:\n", "    all:\n" + f"      - any:\n{line.replace('      -', '        -') * 390}", 1
        )
    features = "".join(f"  e{i}: {{indicator: ema, params: {{length: 9}}, source: e{i // 2}}}\n" for i in range(1, 900))
    return one.replace("features:\n", f"features:\n  e0: {{indicator: ema}}\n{features}")


@pytest.mark.parametrize("shape", ["rules", "typos", "questions", "one action", "features"])
def test_no_step_of_reading_or_of_making_a_program_of_the_largest_play_is_longer_than_sixty_thousand_calls(shape: str) -> None:
    """Which are twenty milliseconds at most; where a large Play had all in one place it was a third of a second and more."""
    text = largest(shape)
    assert PLAY_FILE_BYTES * 0.7 < len(text) < PLAY_FILE_BYTES
    calls = calls_of(cast("Iterator[None]", load_steps(text, shape)))
    assert max(calls) < 60_000
    assert sum(calls) > 1_000_000, "the measure sees the work"
    if shape in ("rules", "one action"):
        calls = calls_of(cast("Iterator[None]", compile_steps(load_play(text, shape), 60_000)))
        assert max(calls) < 60_000


@pytest.mark.anyio
async def test_a_reading_that_a_bug_has_ended_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    world = virtual_world()
    world.disk.write_replace(FILE, large_play(5).encode())
    with monkeypatch.context() as patched:
        patched.setattr("playd.plays.load.substitute", _bug)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="a bug of ours"):
                await read_in_turns(world.disk, world.clock, FILE, anyio.lowlevel.checkpoint)
    found = await read_in_turns(world.disk, world.clock, FILE, anyio.lowlevel.checkpoint)
    assert found.play_hash == load_play(large_play(5), "x").play_hash


def _bug(*_arguments: object) -> Iterator[None]:
    raise RuntimeError("a bug of ours")


@pytest.mark.anyio
async def test_others_go_on_while_a_play_is_read_and_who_asks_at_once_then_has_it() -> None:
    world = virtual_world()
    world.disk.write_replace(FILE, large_play(3).encode())
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        await anyio.lowlevel.checkpoint()

    clock = cast("Clock", Busy())
    play = await read_in_turns(world.disk, clock, FILE, turn)
    assert turns > 20
    assert read_play(world.disk, FILE) is play
    assert await read_in_turns(world.disk, clock, FILE, _never) is play, "and nothing of it is read again"


@pytest.mark.anyio
async def test_a_reading_that_is_left_is_ended_by_whoever_asks_next() -> None:
    world = virtual_world()
    world.disk.write_replace(FILE, large_play(4).encode())
    with anyio.CancelScope() as scope:
        await read_in_turns(world.disk, cast("Clock", Busy()), FILE, _Third(scope).turn)
    assert scope.cancelled_caught
    assert read_play(world.disk, FILE).play_hash == load_play(large_play(4), "x").play_hash


@pytest.mark.anyio
async def test_what_is_wrong_with_a_play_is_said_to_everybody_who_asks() -> None:
    world = virtual_world()
    world.disk.write_replace(FILE, large_play(2).replace("[rsi_1, '<', 70]", "[rsi_7, '<', 70]").encode())
    said: list[list[str]] = []
    for _ in range(2):
        with pytest.raises(PlayError) as caught:
            await read_in_turns(world.disk, world.clock, FILE, anyio.lowlevel.checkpoint)
        said.append(caught.value.findings)
    with pytest.raises(PlayError) as again:
        read_play(world.disk, FILE)
    assert said == [again.value.findings] * 2
    assert "rsi_7" in said[0][0]


async def _never() -> None:
    raise AssertionError("a turn was taken")


class _Third:
    """Cancels at its third turn."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self._turns = 0

    async def turn(self) -> None:
        self._turns += 1
        if self._turns == 3:
            self._scope.cancel()
        await anyio.lowlevel.checkpoint()
