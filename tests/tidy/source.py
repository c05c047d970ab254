"""The project's own source as the tidy tests read it: modules, syntax trees, imports, tracked files."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
DAEMON = ROOT / "daemon"


@dataclass(frozen=True)
class Module:
    """One Python file below `daemon/`."""

    path: Path

    @property
    def name(self) -> str:
        """Dotted name, e.g. `playd.world.ports`; a package's name for its `__init__`."""
        parts = self.path.relative_to(DAEMON).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def package(self) -> str:
        """The package below `playd`, e.g. `world`; empty for `playd` itself."""
        return [*self.name.split("."), ""][1]

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree, from the outside in."""
        return tuple(ast.walk(self.tree))

    def place(self, node: ast.AST) -> str:
        """`daemon/playd/…:12`, for messages."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"

    def line(self, node: ast.AST) -> str:
        return self.text.splitlines()[getattr(node, "lineno", 1) - 1]

    def imports(self) -> tuple[tuple[ast.AST, str], ...]:
        """Every imported dotted name, wherever in the file: `from a import b` gives `a.b`."""
        return self._imports

    @cached_property
    def _imports(self) -> tuple[tuple[ast.AST, str], ...]:
        return tuple(self._imported())

    def _imported(self) -> Iterator[tuple[ast.AST, str]]:
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.place(node)}: relative import; name the package"
                yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)

    def names(self) -> dict[str, str]:
        """Local name to what it stands for: `{"np": "numpy", "Path": "pathlib.Path"}`."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else alias.name.split(".")[0]
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return found


@cache
def modules() -> list[Module]:
    """Every module of the daemon, in the order of their paths; each is read and parsed once, whoever asks."""
    return [Module(path) for path in sorted((DAEMON / "playd").rglob("*.py"))]


def tracked_files() -> list[Path]:
    """Files that git keeps. Fails, rather than passing, when there is no repository to ask."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """The full name behind `a.b.c`, with imports resolved; empty when it does not begin with an imported name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return ""
    return ".".join([names[node.id], *reversed(parts)])
