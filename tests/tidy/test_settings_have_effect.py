"""A setting that nobody reads would be a promise that nobody keeps."""

import ast

from playd.settings.layers import SECTIONS, TABLES
from tests.tidy.source import modules


def test_every_key_is_read_outside_the_settings() -> None:
    read = {
        node.attr
        for module in modules()
        if module.package != "settings" or module.name in ("playd.settings.locations", "playd.settings.checks")
        for node in module.nodes
        if isinstance(node, ast.Attribute)
    }
    keys = [f"{section}.{key}" for section, model in {**SECTIONS, **TABLES}.items() for key in model.model_fields]
    assert [key for key in keys if key.split(".")[1] not in read] == []
