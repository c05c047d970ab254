"""The newest trades of an instance as its engine booked them: amounts as text, times as people read them."""

from typing import overload

from playd.control.figures import plain, rfc3339
from playd.control.look_answers import TradeRow
from playd.engine.trades import TradeRecord


def trade_row(trade: TradeRecord) -> TradeRow:
    """One closing fill. Amounts have as many digits as read back the same."""
    return {
        "trade_id": trade.trade_id,
        "part": trade.part,
        "symbol": trade.symbol,
        "side": trade.side,
        "entered": rfc3339(trade.entry_time_ms),
        "left": rfc3339(trade.exit_time_ms),
        "entry_price": _exact(trade.entry_price),
        "exit_price": _exact(trade.exit_price),
        "qty": _exact(trade.qty),
        "notional_usdt": _exact(trade.notional_usdt),
        "exit_reason": trade.exit_reason,
        "gross_pnl_usdt": _exact(trade.gross_pnl_usdt),
        "fees_usdt": _exact(trade.fees_usdt),
        "funding_usdt": _exact(trade.funding_usdt),
        "net_pnl_usdt": _exact(trade.net_pnl_usdt),
        "pnl_pct": _exact(trade.pnl_pct),
        "stop_loss": _exact(trade.stop_loss),
        "take_profit": _exact(trade.take_profit),
        "stop_loss_at_exit": _exact(trade.stop_loss_at_exit),
        "take_profit_at_exit": _exact(trade.take_profit_at_exit),
        "bars_held": trade.bars_held,
        "mae_pct": _exact(trade.mae_pct),
        "mfe_pct": _exact(trade.mfe_pct),
        "decided": rfc3339(trade.decided_ms),
        "exit_decided": rfc3339(trade.exit_decided_ms) if trade.exit_decided_ms is not None else None,
        "entry_rule": trade.entry_rule,
        "entry_clauses": list(trade.entry_clauses),
        "metadata": dict(trade.metadata),
        "exit_rule": trade.exit_rule,
        "exit_clauses": list(trade.exit_clauses),
        "exit_metadata": dict(trade.exit_metadata),
    }


@overload
def _exact(value: float) -> str: ...
@overload
def _exact(value: float | None) -> str | None: ...
def _exact(value: float | None) -> str | None:
    return plain(value)
