"""Writes plain data as YAML that a person likes to read: sections in blocks, parts in one line, reasons as comments."""

import io
import json
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from polymodal.spec.source import Path, dotted

__all__ = ["to_yaml"]

LINE = 110
# Words that YAML 1.1 readers take for true and false are quoted, and so is all that is not plainly a word.
PLAIN_TEXT = re.compile(
    r"(?!(?:yes|no|on|off|true|false|null|y|n)$)[A-Za-z_][A-Za-z0-9_./-]*", re.IGNORECASE | re.ASCII
)


def to_yaml(data: Mapping[str, Any], reasons: Mapping[str, str] | None = None) -> str:
    """Plain data as YAML 1.2. `reasons` maps dotted paths, such as "tasks.rating", to a comment written above them."""
    writer = YAML()
    writer.width = 1_000_000  # a folded long text would not be read back as it was
    writer.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    writer.dump(_block(data, (), reasons or {}), stream)
    return stream.getvalue()


def _block(data: Mapping[str, Any], path: Path, reasons: Mapping[str, str]) -> CommentedMap:
    made = CommentedMap()
    for key, value in data.items():
        here = (*path, key)
        made[_text(key)] = _value(value, here, reasons)
        reason = reasons.get(dotted(here))
        if reason:
            made.yaml_set_comment_before_after_key(_text(key), before=_comment(reason), indent=2 * len(path))
    return made


def _comment(reason: str) -> str:
    """A reason in one line of characters that YAML allows, the others written out."""
    line = " ".join(reason.split())
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line)


def _value(value: Any, path: Path, reasons: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        inner = any(reason.startswith(f"{dotted(path)}.") for reason in reasons)
        if len(path) > 1 and not inner and _fits(value, path):
            return _flow(value)
        return _block(value, path, reasons) if value else _flow(value)
    if isinstance(value, (list, tuple)):
        if _fits(value, path):
            return _flow(value)
        return CommentedSeq([_value(item, (*path, number), reasons) for number, item in enumerate(value)])
    return _text(value) if isinstance(value, str) else value


def _flow(value: Any) -> Any:
    if isinstance(value, Mapping):
        made = CommentedMap({_text(key): _flow(item) for key, item in value.items()})
        made.fa.set_flow_style()
        return made
    if isinstance(value, (list, tuple)):
        items = CommentedSeq([_flow(item) for item in value])
        items.fa.set_flow_style()
        return items
    return _text(value) if isinstance(value, str) else value


def _fits(value: Any, path: Path) -> bool:
    return len(json.dumps(value, ensure_ascii=False)) + 2 * len(path) + len(str(path[-1])) <= LINE


def _text(value: str) -> str:
    return value if PLAIN_TEXT.fullmatch(value) else DoubleQuotedScalarString(value)
