"""Parts of type `auto`, settled by what their columns hold."""

from collections.abc import Mapping, Sequence
from typing import Any

from polymodal.core import SpecError
from polymodal.data.base import DataTable
from polymodal.data.kinds import infer_kind
from polymodal.data.questions import question_of
from polymodal.spec import Spec

__all__ = ["settle"]

CELLS = frozenset({"number", "boolean", "category", "date", "identifier", "constant"})


def settle(spec: Spec, table: DataTable) -> Spec:
    """The same spec without any type `auto`. Raises SpecError where columns of one modality are of different kinds."""
    data = spec.to_dict()
    for dotted in spec.automatic:
        section, _, name = dotted.partition(".")
        part = data[section][name]
        if section == "modalities":
            data[section][name] = _modality(dotted, part["columns"], table)
        else:
            rest = {key: value for key, value in part.items() if key != "type"}
            data[section][name] = dict(question_of(table, part["target"]).task) | rest
    return spec.replaced(data) if spec.automatic else spec


def _modality(dotted: str, columns: Sequence[str], table: DataTable) -> Mapping[str, Any]:
    kinds = {column: infer_kind(table.column(column), table.missing).name for column in columns}
    found = set(kinds.values())
    if found <= CELLS:
        return {"type": "table", "columns": list(columns)}
    if found == {"text"}:
        return {"type": "text", "columns": list(columns)}
    if found == {"file"} and len(columns) == 1:
        return {"type": "image", "column": columns[0]}
    raise SpecError(
        "mixed-kinds",
        where=dotted,
        expected="columns of one kind: numbers and categories, or texts, or one column of pictures",
        found=", ".join(f"{column} ({kind})" for column, kind in kinds.items()),
        remedy="make a modality of each kind",
    )
