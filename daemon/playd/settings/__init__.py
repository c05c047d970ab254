"""
What an operator may set: one frozen model, where each value came from, and the words for what is wrong with it.

`load` merges built-in values, `playd.toml`, `conf.d/*.toml`, environment variables and flags, in that order, and refuses
whatever it does not know. `document` writes the shipped file and the JSON Schema from the same model.
What it may import is held by `tests/tidy/test_arrows.py`; the functional heart never reads a setting.
"""

from playd.settings.load import Loaded, MainText, as_rows, load
from playd.settings.locations import Locations
from playd.settings.model import Account, Instance, Settings

__all__ = ["Account", "Instance", "Loaded", "Locations", "MainText", "Settings", "as_rows", "load"]
