"""What every file does, and what none does."""

import ast
import importlib
import re

import pytest

from tests.architecture.source import SOURCE, Function, functions, modules, public, text_files
from tests.architecture.test_budgets import broken

BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "tools", "stuff"}
BANNED_IMPORTS = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "joblib",
    "torchvision",
    "torchaudio",
}
BANNED_CALLS = {
    "eval": "runs what it is given",
    "exec": "runs what it is given",
    "compile": "runs what it is given",
    "__import__": "runs what it is given",
    "torch.load": "reads pickles",
    "torch.save": "writes pickles",
    "torch.hub.load": "runs code from elsewhere",
    "yaml.load": "builds any object",
    "pd.read_pickle": "reads pickles",
    "os.system": "starts a shell",
    "tarfile.extractall": "may write anywhere",
    "shutil.unpack_archive": "may write anywhere",
}
# Put together here so that this file does not hold them.
HOSTS = ["".join(parts) for parts in (("pypi", ".org"), ("python", "hosted"), ("npmjs", ".org"), ("deb.", "debian"))]
HOSTS += ["".join(parts) for parts in (("download.", "pytorch"), ("conda.", "anaconda"), ("hugging", "face.co"))]
PLACES = ["".join(parts) for parts in (("/work", "/"), ("/root", "/"), ("/opt", "/"), ("C:", r"\\Users"))]
MARKS = ["".join(parts) for parts in (("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK"))]
PRIVATE = re.compile(r"/(?:home|Users)/(?!me\b|you\b|user\b)[a-z]\w*/")


def test_every_module_says_what_it_offers():
    found = []
    for module in modules():
        lists = [node for node in module.tree.body if isinstance(node, (ast.Assign, ast.AnnAssign)) and is_all(node)]
        if not lists:
            found.append(f"{module.at(1)}: no __all__")
            continue
        names = [str(getattr(entry, "value", entry)) for entry in getattr(lists[0].value, "elts", [])]
        bound = importlib.import_module(module.name)
        found += [
            f"{module.at(lists[0])}: __all__ lists {name}, which is not there"
            for name in names
            if not hasattr(bound, name)
        ]
    assert not found, broken(found)


def is_all(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def test_everything_public_is_explained():
    found = [
        f"{module.at(1)}: the module has no docstring" for module in modules() if not ast.get_docstring(module.tree)
    ]
    for module in modules():
        for node, name in public(module):
            said = ast.get_docstring(node) or ""
            if not said:
                found.append(f"{module.at(node)}: {name} has no docstring")
            elif not re.search(r"[.:?!](\s|$)", said):
                found.append(f"{module.at(node)}: the docstring of {name} has no sentence")
    assert not found, broken(found)


def test_every_argument_and_result_has_a_type():
    found = []
    for module in modules():
        for node, owner in functions(module):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            given += [extra for extra in (node.args.vararg, node.args.kwarg) if extra]
            own = {"self", "cls"} if owner is not None else set()
            bare = [argument.arg for argument in given if argument.annotation is None and argument.arg not in own]
            bare += [] if node.returns is not None else ["the result"]
            found += [f"{module.at(node)}: {node.name}: no type for {', '.join(bare)}"] if bare else []
    assert not found, broken(found)


def test_public_functions_name_their_arguments():
    found = []
    for module in modules():
        seen = {node for node, _ in public(module)}
        seen |= {node for node, owner in functions(module) if node.name == "__init__" and owner in seen}
        found += [
            f"{module.at(node)}: {node.name} takes **{node.args.kwarg.arg}; name each option"
            for node in seen
            if isinstance(node, Function) and node.args.kwarg is not None
        ]
    assert not found, broken(found)


def test_folders_are_nouns_of_the_domain():
    paths = [path for path in SOURCE.rglob("*") if path.is_dir() or path.suffix == ".py"]
    found = [f"{path.relative_to(SOURCE)}: say what it holds" for path in paths if path.stem.strip("_") in BANNED_NAMES]
    assert not found, broken(found)


def test_the_core_stays_small():
    names = sorted(path.name for path in (SOURCE / "core").glob("*.py") if path.name != "__init__.py")
    assert len(names) <= 5, f"core has {names}; a sixth file needs a decision note in docs/decisions/"


def test_nothing_reads_or_runs_what_it_should_not():
    found = []
    for module in modules():
        for node in ast.walk(module.tree):
            what = forbidden(node)
            found += [f"{module.at(node)}: {what}"] if what else []
    assert not found, broken(found)


def forbidden(node: ast.AST) -> str | None:
    if isinstance(node, ast.Import | ast.ImportFrom):
        named = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        banned = {name.split(".")[0] for name in named} & BANNED_IMPORTS
        return f"imports {', '.join(banned)}" if banned else None
    if not isinstance(node, ast.Call):
        return None
    called = ast.unparse(node.func)
    if called in BANNED_CALLS or called.endswith(".extractall"):
        return f"calls {called}, which {BANNED_CALLS.get(called, 'may write anywhere')}"
    for keyword in node.keywords:
        if (keyword.arg, ast.unparse(keyword.value)) in {
            ("allow_pickle", "True"),
            ("shell", "True"),
            ("trust_remote_code", "True"),
        }:
            return f"calls {called} with {keyword.arg}=True"
    return None


def test_nothing_is_left_open():
    mark = re.compile(rf"\b({'|'.join(MARKS)})\b")
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in text_files()
        if name.endswith((".py", ".toml", ".yaml", ".html"))
        for number, line in enumerate(text.splitlines(), 1)
        if mark.search(line)
    ]
    for module in modules():
        found += [
            f"{module.at(node)}: {node.name} has an empty body" for node, own in functions(module) if is_stub(node, own)
        ]
    assert not found, broken(found)


def is_stub(node: Function, owner: ast.ClassDef | None) -> bool:
    marks = " ".join(ast.unparse(mark) for mark in node.decorator_list)
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    empty = all(isinstance(line, ast.Pass) or "NotImplementedError" in ast.unparse(line) for line in body)
    promised = owner is not None and any("Protocol" in ast.unparse(base) for base in owner.bases)
    return empty and not promised and "abstract" not in marks and "overload" not in marks


@pytest.mark.parametrize("what", ["hosts", "places"])
def test_no_file_names_a_machine_or_a_registry(what):
    words = HOSTS if what == "hosts" else PLACES
    found = []
    for name, text in text_files():
        if name == "LICENSE":
            continue
        for number, line in enumerate(text.splitlines(), 1):
            here = [word for word in words if word in line] or (PRIVATE.findall(line) if what == "places" else [])
            found += [f"{name}:{number}: names {here[0]}"] if here else []
    assert not found, broken(found)


def test_imports_are_absolute():
    found = [
        f"{module.at(node)}: from {'.' * node.level}{node.module or ''} import …"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not found, broken(found)


def test_masks_never_multiply():
    """A mask selects. `x * mask` would carry NaN from under the mask into everything that follows."""
    found = [
        f"{module.at(node)}: {ast.unparse(node)}; use polymodal.core.masking"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and (is_mask(node.left) or is_mask(node.right))
    ]
    assert not found, broken(found)


def is_mask(node: ast.expr) -> bool:
    """`mask`, `key_mask`, `tokens.mask`, and what is made of one by methods and indices: `mask.float()[:, None]`."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.value if isinstance(node, ast.Subscript) else node.func
        if isinstance(node, ast.Attribute) and not node.attr.endswith("mask"):
            node = node.value
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return re.fullmatch(r"(\w+_)?mask", name) is not None
