"""Only world/ touches the machine. Each ban names what to use instead; an exception says why: `# seam: <reason>`."""

import ast
from collections.abc import Iterator

from tests.tidy.source import Module, dotted, modules

BANNED: dict[str, str] = {
    "time": "world.clock",
    "datetime.datetime.now": "world.clock.wall_ms",
    "datetime.datetime.utcnow": "world.clock.wall_ms",
    "datetime.datetime.today": "world.clock.wall_ms",
    "datetime.date.today": "world.clock.wall_ms",
    "random": "world.random",
    "uuid.uuid1": "world.random.token, or a function of what is named (core.ids)",
    "uuid.uuid4": "world.random.token, or a function of what is named (core.ids)",
    "secrets": "world.random.token",
    **{
        f"numpy.random.{name}": "Generator(PCG64(seed))"
        for name in ("seed", "rand", "randn", "random", "normal", "default_rng")
    },
    "os": "world.disk, world.env or world.process",
    "pathlib.Path": "pathlib.PurePath, and world.disk to reach what it names",
    "io.open": "world.disk",
    "shutil": "world.disk",
    "tempfile": "world.disk.write_replace",
    "glob": "world.disk.list",
    "fcntl": "world.disk.lock",
    "socket": "world.net",
    "ssl": "world.net",
    "subprocess": "another process is the operator's business",
    "multiprocessing": "another process is the operator's business",
    "threading": "nothing: blocking work goes through world.disk",
    "concurrent": "nothing: blocking work goes through world.disk",
    "asyncio": "anyio",
    "signal": "world.process.signals",
    "atexit": "async with",
    "sys.exit": "typer.Exit, or return",
    "resource": "world.process",
    "pwd": "world.net's Peer",
    "sqlite3.connect": "world.disk.open_sqlite",
    "duckdb": "world.disk.read_parquet and write_parquet",
    "pyarrow": "world.disk.read_parquet and write_parquet",
    "requests": "world.net.http_session",
    "urllib.request": "world.net.http_session",
    "http.client": "world.net.http_session",
    "websocket": "world.net.http_session",
    "aiohttp.ClientSession": "world.net.http_session",
    "aiohttp.TCPConnector": "world.net.http_session",
    "aiohttp.web.AppRunner": "world.net.serve_http",
    "aiohttp.web.TCPSite": "world.net.serve_http",
    "aiohttp.web.UnixSite": "world.net.serve_unix",
    "aiohttp.web.run_app": "world.net.serve_http",
    "anyio.to_thread": "nothing: a thread hop makes virtual time leap",
    "anyio.from_thread": "nothing: there are no threads",
    "anyio.to_process": "another process is the operator's business",
    "anyio.run_process": "another process is the operator's business",
    "anyio.open_process": "another process is the operator's business",
    "anyio.open_file": "world.disk",
    "anyio.Path": "world.disk",
    "anyio.connect_tcp": "world.net",
    "anyio.connect_unix": "world.net.connect_unix",
    "anyio.create_tcp_listener": "world.net",
    "anyio.create_unix_listener": "world.net.serve_unix",
    "anyio.open_signal_receiver": "world.process.signals",
    "anyio.run": "world.real.run",
    "uvloop": "world.real.run",
}
BANNED_AS_CALL = {"sqlite3.connect", "aiohttp.ClientSession", "aiohttp.TCPConnector"}
"""Names that may stand in annotations: only calling them reaches the machine."""

BANNED_BUILTINS = {"open": "world.disk", "hash": "core.canonical.digest: hash() of text differs from run to run"}


def _faults(module: Module) -> Iterator[str]:
    names = module.names()
    for node in module.nodes:
        for found in _mentioned(node, names):
            ban = next((ban for ban in _outer(found) if ban in BANNED), None)
            if ban and "# seam: " not in module.line(node):
                yield f"{module.place(node)}: {found} is banned here; use {BANNED[ban]}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_BUILTINS:
            yield f"{module.place(node)}: {node.func.id}() is banned here; use {BANNED_BUILTINS[node.func.id]}"


def _outer(name: str) -> Iterator[str]:
    """A dotted name, and everything that it lies in: `a.b.c`, `a.b`, `a`."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _mentioned(node: ast.AST, names: dict[str, str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Attribute | ast.Call):
        found = dotted(node.func if isinstance(node, ast.Call) else node, names)
        return [found] if found and (isinstance(node, ast.Call) or found not in BANNED_AS_CALL) else []
    return []


def test_only_the_world_touches_the_machine() -> None:
    faults = [fault for module in modules() if module.package != "world" for fault in _faults(module)]
    assert not faults, "\n".join(sorted(set(faults)))


def test_the_ban_sees_what_it_should() -> None:
    text = (
        "import time as t\nfrom os import path\nimport aiohttp\nfrom pathlib import Path, PurePath\nimport sqlite3\n"
        "t.sleep(1)\naiohttp.ClientSession()\nsqlite3.connect('x')\nopen('x')\nrow: sqlite3.Row\nheld: aiohttp.ClientSession\n"
        "import signal  # seam: names only\n"
    )
    module = Module.__new__(Module)
    object.__setattr__(module, "path", modules()[0].path)
    module.__dict__["text"] = text
    lines = {int(fault.split(":")[1]) for fault in _faults(module)}
    assert lines == {1, 2, 4, 6, 7, 8, 9}
