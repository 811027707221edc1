"""The library's source as syntax trees: what the tests of this folder look at."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "polymodal"

Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.Match)


@dataclass(frozen=True)
class Module:
    """One file of the library."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return ".".join(self.path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    def at(self, node: ast.AST | int) -> str:
        """file:line, as an editor opens it."""
        return f"{self.path.relative_to(ROOT)}:{node if isinstance(node, int) else node.lineno}"


@cache
def modules() -> list[Module]:
    """Every module of the library."""
    paths = sorted(SOURCE.rglob("*.py"))
    return [Module(path, path.read_text("utf-8"), ast.parse(path.read_text("utf-8"))) for path in paths]


@cache
def text_files() -> list[tuple[str, str]]:
    """(relative path, text) of every file that is, or could be, committed."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        names = [
            str(path.relative_to(ROOT)) for folder in ("src", "tests", "docs") for path in (ROOT / folder).rglob("*")
        ]
    found = []
    for name in filter(None, names):
        try:
            found.append((name, (ROOT / name).read_text("utf-8")))
        except (UnicodeDecodeError, OSError):
            continue
    return found


def functions(module: Module) -> Iterator[tuple[Function, ast.ClassDef | None]]:
    """Every function with the class it is a method of, functions inside functions included."""

    def walk(node: ast.AST, owner: ast.ClassDef | None) -> Iterator[tuple[Function, ast.ClassDef | None]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                yield child, owner
                yield from walk(child, None)
            else:
                yield from walk(child, child if isinstance(child, ast.ClassDef) else owner)

    return walk(module.tree, None)


def classes(module: Module) -> list[ast.ClassDef]:
    """Every class, wherever it stands."""
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]


def public(module: Module) -> Iterator[tuple[ast.ClassDef | Function, str]]:
    """Public classes, functions, and public methods of public classes, with the name a reader knows them by."""
    for node in module.tree.body:
        if isinstance(node, (ast.ClassDef, *Function.__args__)) and not node.name.startswith("_"):
            yield node, node.name
            if isinstance(node, ast.ClassDef):
                methods = [child for child in node.body if isinstance(child, Function)]
                yield from ((child, f"{node.name}.{child.name}") for child in methods if not child.name.startswith("_"))


def body_lines(node: Function) -> int:
    """Lines of a function below its signature, its docstring left out."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return 0 if not body else (body[-1].end_lineno or 0) - body[0].lineno + 1


def depth(node: ast.AST, level: int = 0) -> int:
    """How deep loops, conditions and the like stand inside each other; an elif is no deeper than its if."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, *Function.__args__)):
            continue
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, depth(child, level + (isinstance(child, BLOCKS) and not chained)))
    return deepest
