"""What became of a decision, in words."""

from typing import Final

VERDICTS: Final[dict[str, str]] = {
    "NO_SIGNAL": "no entry was true; `playd play explain` names the condition that stopped the one which came nearest",
    "ENTERED": "an entry was decided",
    "EXITED": "an exit was decided",
    "AMENDED": "held, and the stop was moved",
    "HOLD": "a position is open, and nothing asks to leave it",
    "COOLDOWN": "`cooldown_bars`",
    "entries_today": "`max_entries_per_day`",
    "window_closed": "outside `trading_windows`",
    "funding": "`funding_guard`: the coming stamp costs too much",
    "funding_unknown": "`funding_guard`: the rate is not known",
    "entry_pending": "an entry rests already",
    "entered_this_bar": "an entry was decided in this execution bar already",
    "stop_missing": "what the stop is measured by is missing, or the stop would be at 0 or below",
    "stop_wrong_side": "the stop is not on the losing side of the close, or of the limit",
    "target_missing": "what the target is measured by is missing",
    "target_invalid": "the target would be at 0 or below",
    "stop_beyond_liquidation": "`on_sl_beyond_liq: reject`",
    "below_min_notional": "less than `min_trade_notional_usdt`, or than the venue takes",
    "below_min_qty": "less than the venue's least quantity",
    "exit_pending": "an exit is under way",
    "max_drawdown": "the drawdown rule stopped the Play at this close",
    "halted": "the Play was stopped by it, or by a liquidation, before",
    "CANCELLED": "a resting entry was taken back",
}
"""Verdict of a decision to what it means."""
