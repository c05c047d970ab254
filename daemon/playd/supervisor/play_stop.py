"""
A Play that stops by its own rule, `max_drawdown_pct` or a liquidation: its instance is halted until a person resumes it.

The engine has closed the position and decides nothing any more. What it cannot know is whether a person has looked: that is a
halt of level 2, on record before the engine's state is. Once it is lifted the Play begins anew, its equity then the highest.
"""

from typing import Any, Final

from playd.engine.play_engine import PlayEngine
from playd.orders.halts import Halts, Level, instance_scope

CODE: Final = "PLAY_STOPPED"

_BEGINS_ANEW: Final = {"halted": 0, "peak_equity_usdt": (0.0).hex()}
"""Fields of an engine that goes on; its peak is its equity at the next close."""

_WORDS: Final = {
    "max_drawdown": "its equity fell by account.max_drawdown_pct",
    "liquidation": "the venue closed its position (liquidation, auto-deleveraging or delivery)",
}


class PlayStop:
    """Of one life of one instance. `before_bar` before every bar of it, `tell` behind whatever may have stopped the engine."""

    def __init__(self, halts: Halts, instance_uid: str, engine: PlayEngine) -> None:
        self._halts = halts
        self._scope = instance_scope(instance_uid)
        self._engine = engine
        self._told = engine.halted is not None and halts.was_raised(self._scope, CODE)
        """Whether the present stop of the Play is on record, in force or lifted."""

    def before_bar(self) -> None:
        """Let the Play go on where a person lifted its halt."""
        if self._told and not any(halt.code == CODE for halt in self._halts.in_force(self._scope)):
            kept: dict[str, Any] = self._engine.snapshot()
            self._engine.restore({**kept, "state": {**kept["state"], **_BEGINS_ANEW}})
            self._told = False

    def tell(self) -> None:
        """
        Halt the instance of a Play that has just stopped; synced on return. Raises `RecordError`.

        A liquidation stops it in the middle of a bar: this comes before its state is kept, or a later life that finds an older
        halt lifted would take the new one for looked at.
        """
        word = self._engine.halted
        if word is not None and not self._told:
            text = f"the Play has stopped: {_WORDS[word]}; resumed, it counts from the equity of that moment"
            self._halts.raise_level(self._scope, Level.HALT, CODE, text)
            self._told = True
