"""The saved model: a folder that can be moved, checked and loaded without running code from it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

import polymodal
from polymodal.core import DamagedError, PolymodalError, UsageProblem
from polymodal.modalities.base import Modality
from polymodal.model import Ensemble, Model
from polymodal.spec import Parts, Spec, describe
from polymodal.tasks.base import Task
from polymodal.training.checkpoints import commit, read_tensors, tensors_as_bytes, verify

__all__ = ["Bundle", "load", "save"]

FORMAT = 1


@dataclass(frozen=True)
class Bundle:
    """A model as it was loaded, with the spec that describes its parts; `face` is what its estimator knows."""

    model: Ensemble
    spec: Mapping[str, Any]
    face: Mapping[str, Any] = field(default_factory=dict)


def save(
    folder: Path, model: Ensemble, spec: Mapping[str, Any], card: str, face: Mapping[str, Any] | None = None
) -> None:
    """Write a model to a folder: config.json, model.safetensors, preprocess.json, README.md, MANIFEST.json last.

    `spec` is the plain data that the parts were built from, `card` the text of the model card, `face` plain
    data that comes back as they are. Raises ResourceError where the folder cannot be written.
    """
    config = {"format": FORMAT, "polymodal": polymodal.__version__, "members": len(model.members), "spec": spec}
    config |= {"face": face} if face else {}
    states = {
        "modalities": {name: part.reader.state() for name, part in model.modalities.items()},
        "tasks": {name: part.reader.state() for name, part in model.tasks.items()},
    }
    commit(
        folder,
        {
            "config.json": json.dumps(config, indent=1).encode(),
            "preprocess.json": json.dumps(states).encode(),
            "model.safetensors": tensors_as_bytes(model.state_dict()),
            "README.md": card.encode(),
        },
    )


def load(folder: Path, parts: Parts | None = None) -> Bundle:
    """Read a saved model, in evaluation mode, after every file was checked.

    `parts` stands in for the parts that the spec describes; give it where a model has encoders of your own. Raises
    DamagedError, by name, for a file that is missing, cut short, altered, unknown, or not what its name says.
    """
    if not folder.is_dir():
        raise UsageProblem(
            "no-model", where=str(folder), expected="a model folder", found="none", remedy="name a run's model/ folder"
        )
    files = verify(folder)
    for name in ("config.json", "preprocess.json", "model.safetensors"):
        if name not in files:
            raise _damaged("missing-file", folder / name, f"a file {name}", "none")
    config, states = _json(files["config.json"], folder), _json(files["preprocess.json"], folder)
    if config.get("format") != FORMAT:
        raise _damaged("unknown-format", folder / "config.json", f"format {FORMAT}", f"format {config.get('format')}")
    try:
        model = _rebuild(parts or Spec.from_dict(config["spec"]).build(), states, int(config["members"]))
        _fill(model, read_tensors(files["model.safetensors"], folder / "model.safetensors"), folder)
    except PolymodalError:
        raise
    except Exception as error:  # any mangled state has to be named, whatever it breaks inside a part
        raise _damaged(
            "unreadable-model", folder, "states that fit the parts", f"{type(error).__name__}: {error}"
        ) from error
    return Bundle(model.eval(), config["spec"], config.get("face", {}))


def card(model: Ensemble, summary: Mapping[str, Any]) -> str:
    """The model card: what the model takes and gives, what it was trained on, and how good it was there."""
    lines = [
        "# Model card",
        "",
        "A multimodal model. Any of its inputs may be missing in any row.",
        "",
        "## Inputs",
        "",
    ]
    lines += [f"- `{name}`: {_said(part)}" for name, part in model.modalities.items()]
    lines += ["", "## Predictions", ""]
    lines += [f"- `{name}`: {_said(part)}" for name, part in model.tasks.items()]
    rows = summary["rows"]
    lines += ["", "## Data", "", f"Trained on {rows['train']:,} rows, chosen on {rows['validation']:,}, "]
    lines[-1] += f"judged on {rows['test']:,} that it had never seen."
    lines += ["", "## Results on the test rows", "", "| task | metric | value | 95 % interval |", "|---|---|---|---|"]
    for name, task in summary["tasks"].items():
        for metric, value in task["metrics"].items():
            low, high = task["intervals"].get(metric, (float("nan"), float("nan")))
            lines.append(f"| {name} | {metric} | {value:.3f} | {low:.3f} to {high:.3f} |")
    lines += [
        "",
        "## Limits",
        "",
        "- Nothing is known of rows that differ in kind from the training rows (another site, time or device).",
    ]
    lines += [
        "- The intervals come from resampling the test rows: they say nothing of what a new data set would bring.",
        "",
    ]
    return "\n".join(lines)


def _said(part: Modality | Task) -> str:
    plain = describe(part)
    options = ", ".join(f"{name} {value}" for name, value in plain.items() if name != "type" and value is not None)
    return f"{plain['type']} ({options})"


def _rebuild(parts: Parts, states: Mapping[str, Any], members: int) -> Ensemble:
    for group, made in (("modalities", parts.modalities), ("tasks", parts.tasks)):
        for name, part in made.items():
            part.reader.restore(states[group][name])
    return Ensemble(
        [Model(parts.modalities, parts.tasks, parts.fusion, parts.width, parts.sharing) for _ in range(members)]
    )


def _fill(model: Ensemble, tensors: Mapping[str, Tensor], folder: Path) -> None:
    wanted = model.state_dict()
    for name in sorted(set(wanted) ^ set(tensors)):
        expected, found = ("this tensor", "none") if name in wanted else ("no such tensor", "one")
        raise _damaged("tensors-do-not-fit", folder / f"model.safetensors:{name}", expected, found)
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            place = folder / f"model.safetensors:{name}"
            raise _damaged("tensors-do-not-fit", place, f"shape {tuple(wanted[name].shape)}", f"{tuple(tensor.shape)}")
    model.load_state_dict(dict(tensors))


def _json(content: bytes, folder: Path) -> dict[str, Any]:
    try:
        read = json.loads(content)
    except ValueError as error:
        raise _damaged("not-json", folder, "JSON", str(error)) from error
    if not isinstance(read, dict):
        raise _damaged("not-json", folder, "a JSON object", type(read).__name__)
    return read


def _damaged(code: str, place: Path, expected: str, found: str) -> DamagedError:
    return DamagedError(
        code, where=str(place), expected=expected, found=found, remedy="take the folder from a backup, or train again"
    )
