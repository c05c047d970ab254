"""playd: a trading daemon that runs YAML Plays on Bybit perpetual futures."""

__version__ = "0.1.0"
