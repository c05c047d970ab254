"""Arrows point inward: who may import whom."""

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.tidy.source import Module, modules

HEART = ("core", "kernels", "matching", "plays", "engine")
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "world": {"core"},
    "settings": {"core", "world"},
    "kernels": {"core"},
    "matching": {"core"},
    "plays": {"core", "kernels"},
    "engine": {"core", "kernels", "matching", "plays"},
}
MAY_IMPORT["market"] = {*HEART, "settings", "world"}
MAY_IMPORT["venues"] = {*MAY_IMPORT["market"], "market"}
MAY_IMPORT["orders"] = {*MAY_IMPORT["venues"], "venues"}
MAY_IMPORT["supervisor"] = {*MAY_IMPORT["orders"], "orders"}
MAY_IMPORT["research"] = {*MAY_IMPORT["supervisor"], "supervisor"}
MAY_IMPORT["ops"] = {*MAY_IMPORT["research"], "research"}
MAY_IMPORT["control"] = {*MAY_IMPORT["ops"], "ops"}
MAY_IMPORT["cli"] = {*MAY_IMPORT["control"], "control"}

THIRD_PARTY_OF_THE_HEART = {"llvmlite", "numba", "numpy", "orjson", "pydantic", "ruamel", "typing_extensions"}
"""What compiled, pure code and the reading of Plays need. Nothing in it can wait, write or look at a clock."""

COMPILERS = (
    "numba",
    "playd.core.machine",
    "playd.matching.compiled.",
    *(f"playd.kernels.compiled.{name}" for name in ("part", "inlined", "compile_kernel")),
)
"""What whoever has compiled functions imports."""


def _ours(module: Module) -> Iterator[tuple[str, str]]:
    for node, name in module.imports():
        parts = name.split(".")
        if parts[0] == "playd" and len(parts) > 1 and parts[1] not in ("__version__", module.package):
            yield module.place(node), parts[1]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_imports_follow_the_arrows(module: Module) -> None:
    if not module.package:
        assert not list(_ours(module))
        return
    allowed = MAY_IMPORT[module.package]
    assert [f"{place}: {module.package} may not import {found}" for place, found in _ours(module) if found not in allowed] == []


def test_no_compiled_function_rests_on_plays() -> None:
    """The cache of machine code is named after the other packages, so that a change of the checker compiles nothing anew."""
    compiled = [one for one in modules() if any(name.startswith(COMPILERS) for _, name in one.imports())]
    assert compiled
    faults = [f"{one.name} is compiled" for one in compiled if one.package == "plays"]
    faults += [
        f"{place}: {one.name} is compiled and imports plays"
        for one in compiled
        for place, found in _ours(one)
        if found == "plays"
    ]
    assert faults == []


def test_every_package_has_its_place() -> None:
    assert {module.package for module in modules()} - {""} <= set(MAY_IMPORT)


def test_the_functional_heart_neither_waits_nor_logs() -> None:
    faults = []
    for module in modules():
        if module.package not in HEART:
            continue
        for node, name in module.imports():
            root = name.split(".")[0]
            if root not in sys.stdlib_module_names | THIRD_PARTY_OF_THE_HEART | {"playd"} or root in ("logging", "asyncio"):
                faults.append(f"{module.place(node)}: {name}")
        faults += [
            f"{module.place(node)}: async"
            for node in module.nodes
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        ]
    assert not faults, "\n".join(faults)


def test_only_orders_venues_and_the_wiring_reach_what_can_sign() -> None:
    signers = ("playd.venues.bybit.signing", "playd.venues.bybit.rest", "playd.venues.bybit.credentials")
    allowed = {"venues", "orders", "cli"}
    faults = [
        module.place(node)
        for module in modules()
        for node, name in module.imports()
        if name.startswith(signers) and module.package not in allowed
    ]
    assert not faults, "\n".join(faults)
