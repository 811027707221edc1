"""The house stays small: files, functions, arguments, nesting, classes and their families."""

import ast
import statistics

import pytest

from tests.architecture.source import SOURCE, Function, Module, body_lines, classes, depth, functions, modules

FILE, MEDIAN_FILE, RECIPE = 400, 120, 150
BODY, COMMON_BODY = 50, 20
ARGUMENTS, NESTING, CLASS, FAMILY = 7, 3, 300, 2


def broken(found):
    """The failure message: one place a line."""
    return "\n" + "\n".join(sorted(found))


def test_files_are_short():
    limits = {module: RECIPE if "recipes" in module.path.parts else FILE for module in modules()}
    found = [f"{m.at(1)}: {m.lines} lines, budget {limit}" for m, limit in limits.items() if m.lines > limit]
    assert not found, broken(found)


def test_most_files_are_shorter():
    median = statistics.median(module.lines for module in modules() if module.lines > 1)
    assert median <= MEDIAN_FILE, f"the median file has {median:g} lines, budget {MEDIAN_FILE}"


def test_functions_are_short():
    found = [
        f"{module.at(node)}: {node.name} has {body_lines(node)} lines, budget {BODY}"
        for module in modules()
        for node, _ in functions(module)
        if body_lines(node) > BODY
    ]
    assert not found, broken(found)


def test_most_functions_are_shorter():
    lengths = sorted(body_lines(node) for module in modules() for node, _ in functions(module))
    ninth = lengths[int(0.9 * (len(lengths) - 1))]
    assert ninth <= COMMON_BODY, f"nine functions of ten have up to {ninth} lines, budget {COMMON_BODY}"


def test_functions_take_few_arguments():
    # Constructors state options by name; a verb of the command line states its flags.
    found = [
        f"{module.at(node)}: {node.name} takes {count_arguments(node, owner)} arguments, budget {ARGUMENTS}"
        for module in modules()
        for node, owner in functions(module)
        if node.name != "__init__" and not is_verb(module, node) and count_arguments(node, owner) > ARGUMENTS
    ]
    assert not found, broken(found)


def count_arguments(node: Function, owner: ast.ClassDef | None) -> int:
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in node.decorator_list)
    return len(given) - (owner is not None and not static)


def is_verb(module: Module, node: Function) -> bool:
    """A function that the command line calls: typer turns each argument into a flag."""
    first = node.args.args[:1]
    takes_session = any(each.annotation is not None and ast.unparse(each.annotation) == "Session" for each in first)
    return "cli" in module.path.relative_to(SOURCE).parts and takes_session and node.name[0] != "_"


def test_nesting_is_shallow():
    found = [
        f"{module.at(node)}: {node.name} nests {depth(node)} deep, budget {NESTING}"
        for module in modules()
        for node, _ in functions(module)
        if depth(node) > NESTING
    ]
    assert not found, broken(found)


def test_classes_are_short():
    found = [
        f"{module.at(node)}: {node.name} has {node.end_lineno - node.lineno + 1} lines, budget {CLASS}"
        for module in modules()
        for node in classes(module)
        if node.end_lineno - node.lineno + 1 > CLASS
    ]
    assert not found, broken(found)


@pytest.fixture(scope="module")
def families() -> dict[str, tuple[str, list[str]]]:
    """Class name → where it stands, and those of our own classes that it inherits from."""
    places = {node.name: (module.at(node), node) for module in modules() for node in classes(module)}
    return {
        name: (place, [base for base in map(base_name, node.bases) if base in places])
        for name, (place, node) in places.items()
    }


def base_name(base: ast.expr) -> str:
    """Column of Column[Cells], Module of nn.Module."""
    plain = base.value if isinstance(base, ast.Subscript) else base
    return plain.attr if isinstance(plain, ast.Attribute) else getattr(plain, "id", "")


def test_families_are_two_deep(families):
    def generations(name: str) -> int:
        return 1 + max((generations(parent) for parent in families[name][1]), default=0)

    found = [
        f"{place}: {name} is generation {generations(name)} of its family, budget {FAMILY} (abstract base, final class)"
        for name, (place, _) in families.items()
        if generations(name) > FAMILY
    ]
    assert not found, broken(found)


def test_no_mixins(families):
    found = [
        f"{place}: {name} inherits from {', '.join(parents) or 'nothing of ours'}; budget: one parent, and no mixin"
        for name, (place, parents) in families.items()
        if len(parents) > 1 or name.lower().endswith("mixin")
    ]
    assert not found, broken(found)
