"""A strategy for freqtrade that opens and closes something every minute, with its stop at the exchange."""

from freqtrade.strategy import IStrategy


class EveryMinute(IStrategy):
    """Long after even minutes, short after odd ones; out again a minute later."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    can_short = True
    minimal_roi = {"0": 10}  # noqa: RUF012 - as its interface has it
    stoploss = -0.02
    startup_candle_count = 5
    order_types = {  # noqa: RUF012
        "entry": "limit",
        "exit": "limit",
        "emergency_exit": "market",
        "force_exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": True,
        "stoploss_on_exchange_interval": 10,
    }

    def leverage(self, *_args, **_more) -> float:
        return 3.0

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        minute = dataframe["date"].dt.minute
        dataframe.loc[minute % 2 == 0, "enter_long"] = 1
        dataframe.loc[minute % 2 == 1, "enter_short"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        minute = dataframe["date"].dt.minute
        dataframe.loc[minute % 2 == 1, "exit_long"] = 1
        dataframe.loc[minute % 2 == 0, "exit_short"] = 1
        return dataframe
