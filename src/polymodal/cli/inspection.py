"""Verbs that look at the installation: `doctor` and `schema`."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from polymodal.cli.session import Session, verb
from polymodal.cli.tables import aligned

__all__ = ["add_to", "doctor", "schema", "sorted_out"]

GIBIBYTE = 2**30
FOR_DEVELOPERS = frozenset({"dev", "docs"})


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    verb(app, "doctor")(doctor)
    verb(app, "schema")(schema)


def doctor(session: Session) -> None:
    """Show versions, what is installed, and what this machine offers."""
    from polymodal import __version__

    needed, extras = _requirements()
    document = {
        "polymodal": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in needed},
        "extras": {extra: _extra(extra, names) for extra, names in extras.items()},
        "machine": _machine(),
        "data": _data(),
    }
    session.result(document, _told(document))


def schema(session: Session) -> None:
    """Print the JSON Schema of a spec, for editors and other programs."""
    import json

    from polymodal.spec import Spec

    document = Spec.schema()
    session.result(document, json.dumps(document, indent=2))


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    import importlib.metadata

    return sorted_out(importlib.metadata.requires("polymodal") or ())


def sorted_out(requirements: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """What the package itself needs, and what each of its extras does, as names of distributions."""
    needed: list[str] = []
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([^'\"]+)", requirement)
        if extra is None:
            needed.append(name)
        elif extra[1] not in FOR_DEVELOPERS and name != "polymodal":
            extras.setdefault(extra[1], []).append(name)
    return needed, extras


def _version(name: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _extra(extra: str, names: list[str]) -> dict[str, Any]:
    versions = {name: _version(name) for name in names}
    there = None not in versions.values()
    return {"there": there, "packages": versions, "install": None if there else f'pip install "polymodal[{extra}]"'}


def _machine() -> dict[str, Any]:
    import torch

    devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": _memory(),
        "disk_free_gib": round(shutil.disk_usage(Path.cwd()).free / GIBIBYTE, 1),
        "accelerators": devices,
    }


def _memory() -> float | None:
    """The memory of this machine in GiB, where the system tells it."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PAGE_SIZE" not in names or "SC_PHYS_PAGES" not in names:
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE, 1)


def _data() -> dict[str, Any]:
    from polymodal.data import sets

    folder = os.environ.get("POLYMODAL_DATA")
    there = {str(entry["name"]): bool(entry["there"]) for entry in sets.list()}
    return {"POLYMODAL_DATA": folder, "is_folder": bool(folder) and Path(folder or "").is_dir(), "sets": there}


def _told(document: Mapping[str, Any]) -> str:
    machine, data = document["machine"], document["data"]
    rows = [
        ("polymodal", document["polymodal"]),
        ("python", f"{document['python']}, {sys.executable}"),
        ("platform", document["platform"]),
        *((name, version or "MISSING: pip install polymodal") for name, version in document["packages"].items()),
        *((f"extra {name}", extra["install"] or "installed") for name, extra in document["extras"].items()),
        ("CPUs", f"{machine['cpus']}, of which PyTorch uses {machine['threads']}"),
        ("memory", "unknown" if machine["memory_gib"] is None else f"{machine['memory_gib']} GiB"),
        ("free disk", f"{machine['disk_free_gib']} GiB"),
        ("accelerators", ", ".join(machine["accelerators"]) or "none"),
        ("$POLYMODAL_DATA", _where(data)),
        *((f"data {name}", "there" if there else f"polymodal data get {name}") for name, there in data["sets"].items()),
    ]
    return aligned(rows)


def _where(data: Mapping[str, Any]) -> str:
    if data["POLYMODAL_DATA"] is None:
        return "not set"
    return str(data["POLYMODAL_DATA"]) + ("" if data["is_folder"] else " (no such folder)")
