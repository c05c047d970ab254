"""The five modes and the four environments, as words that appear in YAML, logs, tables and metrics."""

from enum import StrEnum


class Mode(StrEnum):
    """Where decisions of an instance lead: nowhere (backtest, shadow), to a pretend or to a real account."""

    BACKTEST = "backtest"
    SHADOW = "shadow"
    PAPER = "paper"
    DEMO = "demo"
    LIVE = "live"


class Environment(StrEnum):
    """The universe a key belongs to. A key of one universe is never tried against hosts of another."""

    LOCAL = "local"
    TESTNET = "testnet"
    DEMO = "demo"
    LIVE = "live"
