"""Reads a spec file: YAML 1.2 or JSON, with line and column of everything, within fixed limits."""

import math
import stat
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from polymodal.core import SpecError
from polymodal.spec.source import Path, Source, dotted

__all__ = ["MAXIMUM_BYTES", "MAXIMUM_DEPTH", "MAXIMUM_NODES", "read_file", "read_text", "read_value"]

MAXIMUM_BYTES = 1_000_000
MAXIMUM_DEPTH = 24
# Counted after aliases are followed, so that a few lines cannot unfold into gigabytes.
MAXIMUM_NODES = 50_000
LARGEST_INTEGER = 2**63 - 1
TAG = "tag:yaml.org,2002:"


def read_file(path: FilePath) -> Source:
    """Read a spec from a file. Raises SpecError, with line and column, where that cannot be done."""
    name = str(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _refusal("spec-not-a-file", name, "a spec file", "something that is not a plain file", "name a file")
        # One byte more than is allowed tells a file that grew after it was measured.
        with path.open("rb") as file:
            raw = file.read(MAXIMUM_BYTES + 1)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        remedy = 'check the path, or write a spec with "polymodal init TABLE"'
        raise _refusal("spec-not-readable", name, "a spec file that can be read", reason.lower(), remedy) from None
    return read_text(_decode(raw, name), name, json=path.suffix.lower() == ".json")


def read_text(text: str, name: str = "spec", *, json: bool = False) -> Source:
    """Read a spec from text. JSON is read as the part of YAML that it is."""
    if len(text) > MAXIMUM_BYTES:
        raise _refusal("spec-too-large", name, f"at most {MAXIMUM_BYTES:,} bytes", "more", "shorten the spec")
    # JSON may be indented with tabs, which YAML refuses; inside a JSON string a tab is always escaped.
    node = _compose(text.replace("\t", " ") if json else text, name)
    if node is None:
        remedy = 'describe data, modalities and tasks, or start from "polymodal init TABLE"'
        raise _refusal("spec-empty", f"{name}:1:1", "a spec", "an empty file", remedy)
    reader = _Reader(name)
    data = reader.convert(node, (), 0)
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else "a single value"
        remedy = "begin with the keys data, modalities and tasks"
        raise _refusal("spec-not-a-mapping", f"{name}:1:1", "keys with values", found, remedy)
    return Source(name, data, reader.places, tuple(reader.problems))


def read_value(text: str, name: str) -> Any:
    """Read one value, as it is written after `--set key=`. Raises SpecError where it is none."""
    node = _compose(text, name)
    reader = _Reader(name)
    value = None if node is None else reader.convert(node, (), 0)
    if reader.problems:
        raise SpecError.joined(reader.problems)
    return value


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > MAXIMUM_BYTES:
        raise _refusal("spec-too-large", name, f"at most {MAXIMUM_BYTES:,} bytes", "more", "shorten the spec")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = raw[: problem.start]
        line, column = before.count(b"\n") + 1, problem.start - before.rfind(b"\n")
        found = f"byte 0x{raw[problem.start]:02X}, as in a file saved as Latin-1 or UTF-16"
        where = f"{name}:{line}:{column}"
        raise _refusal("spec-not-utf-8", where, "text in UTF-8", found, "save the file as UTF-8") from None


def _compose(text: str, name: str) -> Node | None:
    try:
        _check_depth(text, name)
        return YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        found = " ".join(filter(None, (problem.problem, problem.context))) or "something else"
        remedy = "indent with spaces, not tabs" if "'\\t'" in found else "mend the line, or put the value in quotes"
        raise _refusal("spec-syntax", where, "YAML 1.2", found, remedy) from None
    except (YAMLError, ValueError) as problem:
        position = getattr(problem, "position", None)
        before = text[: position if isinstance(position, int) else 0]
        where = f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        character = text[len(before) : len(before) + 1]
        found = f"character U+{ord(character):04X}" if position is not None and character else str(problem)
        raise _refusal("spec-syntax", where, "printable text", found, "take that character out") from None


def _check_depth(text: str, name: str) -> None:
    """Go through the events, which costs little memory, before anything is built out of them."""
    depth = 0
    for count, event in enumerate(YAML(typ="safe", pure=True).parse(text)):
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth > MAXIMUM_DEPTH or count > 2 * MAXIMUM_NODES:
            where = f"{name}:{event.start_mark.line + 1}:{event.start_mark.column + 1}"
            raise _too_complex(where)


def _too_complex(where: str) -> SpecError:
    expected = f"at most {MAXIMUM_NODES:,} values, nested at most {MAXIMUM_DEPTH} deep"
    remedy = 'shorten the spec; many columns can be named by a pattern such as "csf_*"'
    return _refusal("spec-too-complex", where, expected, "more, once aliases are followed", remedy)


def _refusal(code: str, where: str, expected: str, found: str, remedy: str) -> SpecError:
    return SpecError(code, where=where, expected=expected, found=found, remedy=remedy)


class _Reader:
    """Turns YAML nodes into plain data; keeps places and collects what is wrong on the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.places: dict[Path, tuple[str, str]] = {}
        self.problems: list[SpecError] = []
        self.constructor = YAML(typ="safe", pure=True).constructor
        self.count = 0

    def where(self, node: Node) -> str:
        return f"{self.name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"

    def convert(self, node: Node, path: Path, depth: int) -> Any:
        self.count += 1
        if depth > MAXIMUM_DEPTH or self.count > MAXIMUM_NODES:
            raise _too_complex(self.where(node))
        if isinstance(node, MappingNode) and node.tag == TAG + "map":
            return self.mapping(node, path, depth)
        if isinstance(node, SequenceNode) and node.tag == TAG + "seq":
            return self.items(node, path, depth)
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        return self.refuse(node, path, "plain values, lists and keys", f"the tag {node.tag}")

    def mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in made:
                first = self.places[here][0]
                self.note("repeated-key", key_node, f'"{dotted(here)}" once', f"it again; first at {first}", "keep one")
                continue
            self.places[here] = (self.where(key_node), self.where(value_node))
            made[key] = self.convert(value_node, here, depth + 1)
        return made

    def key(self, node: Node, path: Path) -> str | None:
        if isinstance(node, ScalarNode) and node.tag in (TAG + "str", TAG + "merge", TAG + "timestamp"):
            return self.text(node.value)
        remedy = f'put it in quotes: "{node.value}"' if isinstance(node, ScalarNode) else "name each key by one word"
        around = f" in {dotted(path)}" if path else ""
        self.note("key-not-text", node, f"keys that are text{around}", "something else", remedy)
        return None

    def items(self, node: SequenceNode, path: Path, depth: int) -> list[Any]:
        made = []
        for number, item in enumerate(node.value):
            self.places[*path, number] = (self.where(item), self.where(item))
            made.append(self.convert(item, (*path, number), depth + 1))
        return made

    def scalar(self, node: ScalarNode, path: Path) -> Any:
        kind = str(node.tag).removeprefix(TAG)
        if kind in ("str", "timestamp", "merge"):  # a date stays as it is written
            return self.text(node.value)
        if kind not in ("null", "bool", "int", "float"):
            return self.refuse(node, path, "plain values, lists and keys", f"the tag {node.tag}")
        try:
            value = getattr(self.constructor, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError, IndexError, MarkedYAMLError):
            return self.refuse(node, path, f"a value of type {kind}", _short(node.value))
        if kind == "int" and abs(value) > LARGEST_INTEGER:
            return self.refuse(node, path, "a whole number of at most 64 bits", _short(node.value))
        if kind == "float" and not math.isfinite(value):
            return self.refuse(node, path, "a finite number", _short(node.value))
        return value

    def text(self, value: str) -> str:
        """JSON writes a character beyond the basic plane as two halves; a half alone becomes U+FFFD."""
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def refuse(self, node: Node, path: Path, expected: str, found: str) -> None:
        prefix = f"{dotted(path)}: " if path else ""
        self.note("wrong-value", node, prefix + expected, found, "write a plain value, or put it in quotes")

    def note(self, code: str, node: Node, expected: str, found: str, remedy: str) -> None:
        self.problems.append(_refusal(code, self.where(node), expected, found, remedy))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
