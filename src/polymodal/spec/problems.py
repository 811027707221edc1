"""Turns what a strict model finds wrong with plain data into errors that say where, and what to do."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from polymodal.core import SpecError, did_you_mean
from polymodal.spec.source import Path, Source, dotted

__all__ = ["problems_in"]

WORDING = {
    "a valid string": "a text",
    "a valid number": "a number",
    "a valid integer": "a whole number",
    "a valid boolean": "true or false",
    "a valid list": "a list",
    "a valid array": "a list",
    "a valid tuple": "a list",
    "a valid dictionary": "keys with values",
    "an object": "keys with values",
}
PARTS, SECTIONS = {("fusion",), ("balancer",), ("sharing",)}, {("modalities",), ("tasks",), ("objectives",)}
YES, NO = {"yes", "on", "true", "y"}, {"no", "off", "false", "n"}


def problems_in(source: Source, model: type[BaseModel], failure: ValidationError) -> list[SpecError]:
    """One error for each place in `source`, in the order of the file."""
    found: dict[tuple[Path, str], list[Any]] = {}
    for error in failure.errors(include_url=False):
        kind = error["type"] if error["type"] in ("missing", "extra_forbidden") else "value"
        found.setdefault((_real_path(error["loc"], source.data, kind), kind), []).append(error)
    return [_problem(source, model, path, kind, errors) for (path, kind), errors in found.items()]


def _problem(source: Source, model: type[BaseModel], path: Path, kind: str, errors: Sequence[Any]) -> SpecError:
    if kind == "missing":
        return _missing(source, path)
    if kind == "extra_forbidden":
        return _unknown(source, model, path)
    if errors[0]["type"].startswith("union_tag"):
        return _unknown_type(source, path, errors[0])
    return _wrong_value(source, model, path, errors)


def _missing(source: Source, path: Path) -> SpecError:
    where = source.value_place(path[:-1]) if len(path) > 1 else source.name
    expected = f'the key "{path[-1]}"' + (f" in {dotted(path[:-1])}" if len(path) > 1 else "")
    remedy = f"add {path[-1]}: …"
    return SpecError("missing-key", where=where, expected=expected, found="nothing", remedy=remedy)


def _unknown(source: Source, model: type[BaseModel], path: Path) -> SpecError:
    around = _model_at(model, path[:-1], source)
    known = list(_keys(around))
    place = f" of {dotted(path[:-1])}" if len(path) > 1 else ""
    elsewhere = [section for section, field in model.model_fields.items() if path[-1] in _keys(field.annotation)]
    remedy = did_you_mean(str(path[-1]), known) if known != ["type"] else "take it out"
    return SpecError(
        "unknown-key",
        where=source.key_place(path),
        expected=f"one of the keys{place}: {', '.join(known)}",
        found=f'"{path[-1]}"',
        remedy=f"did you mean {elsewhere[0]}.{path[-1]}?" if elsewhere else remedy,
    )


def _keys(section: Any) -> Collection[str]:
    """The keys of a section of the spec."""
    if not (isinstance(section, type) and issubclass(section, BaseModel)):
        return ()
    return [field.alias or name for name, field in section.model_fields.items()]


def _unknown_type(source: Source, path: Path, error: Any) -> SpecError:
    own = (*path, "type")
    known = re.findall(r"'([^']*)'", error.get("ctx", {}).get("expected_tags", ""))
    if error["type"] == "union_tag_not_found":
        return _missing(source, own)
    return SpecError(
        "unknown-type",
        where=source.value_place(own),
        expected=f"{dotted(own)}: one of {', '.join(known)}",
        found=_shown(source.get(own)),
        remedy=did_you_mean(str(source.get(own)), known),
    )


def _wrong_value(source: Source, model: type[BaseModel], path: Path, errors: Sequence[Any]) -> SpecError:
    value = source.get(path)
    phrases = list(dict.fromkeys(_phrase(error["msg"]) for error in errors))
    remedy = _remedy(value, phrases) or _default_remedy(model, path, source)
    if isinstance(value, str) and (path[-1:] in PARTS or path[:-1] in SECTIONS):
        remedy = f"write {{type: {value}}}"
    expected = " or ".join(phrases)
    return SpecError(
        "wrong-value",
        where=source.value_place(path),
        expected=f"{dotted(path)}: {expected}" if path else expected,
        found=_shown(value),
        remedy=remedy,
    )


def _phrase(message: str) -> str:
    phrase = re.sub(r"^(Input should be|Value error,|Value should have|\w+ should have) ", "", message)
    phrase = re.sub(r" or (an )?(object|instance) .*$", "", phrase)
    phrase = re.sub(r",? after validation.*$", "", phrase)
    return WORDING.get(phrase.split(",")[0] if phrase.split(",")[0] in WORDING else phrase, phrase)


def _remedy(value: Any, phrases: Sequence[str]) -> str | None:
    """What to write instead, where that can be told from the value."""
    bounded = any(phrase.startswith(("less than", "greater than")) for phrase in phrases)
    if "a list" in phrases and isinstance(value, (str, int, float)) and not bounded:
        return f"write [{value}]"
    if "true or false" in phrases and isinstance(value, str) and value.lower() in YES | NO:
        return f"write {'true' if value.lower() in YES else 'false'}"
    quoted = "a text" in phrases or any(f"'{value}'" in phrase for phrase in phrases)
    if quoted and isinstance(value, (int, float)):
        return f'put it in quotes: "{value}"'
    if any("number" in phrase for phrase in phrases) and isinstance(value, str) and re.fullmatch(r"[-+.\deE]+", value):
        return f"write {value} without quotes"
    if "a whole number" in phrases and isinstance(value, float):
        return f"write {round(value)}"
    return None


def _default_remedy(model: type[BaseModel], path: Path, source: Source) -> str:
    around = _model_at(model, path[:-1], source) if path else None
    field = around.model_fields.get(str(path[-1])) if around else None
    default = None if field is None or field.is_required() else field.get_default(call_default_factory=True)
    if default is None or isinstance(default, BaseModel):
        return "change it as expected; polymodal schema shows every key"
    return f"change it, or leave it out: {default!r} is the default"


def _shown(value: Any) -> str:
    """A value as a person would name it, cut to a line."""
    if isinstance(value, Mapping):
        return "keys with values"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f'the text "{value if len(value) <= 60 else value[:57] + "..."}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def _real_path(location: Sequence[str | int], data: Any, kind: str) -> Path:
    """The location of an error without the names of variants that stand between the keys."""
    path: list[str | int] = []
    for position, step in enumerate(location):
        inside = isinstance(data, Mapping) and step in data
        item = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if inside or item:
            data = data[step]
            path.append(step)
        elif kind == "missing" and position == len(location) - 1:
            path.append(step)
    return tuple(path)


def _model_at(model: Any, path: Path, source: Source) -> type[BaseModel] | None:
    """The model of the keys at `path`; variants are chosen by the data's own "type"."""
    for position, step in enumerate(path):
        data = source.get(path[: position + 1])
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(str(step))
            model = _variant(field.annotation if field else None, data)
        else:
            model = _variant(get_args(model)[-1] if get_args(model) else None, data)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _variant(annotation: Any, data: Any) -> Any:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    members = [part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
    if get_origin(annotation) in (list, dict) or not members:
        return annotation
    kind = data.get("type") if isinstance(data, Mapping) else None
    named = [part for part in members if kind in get_args(part.model_fields["type"].annotation)]
    return named[0] if named else None
