"""A first spec while it grows."""

import re
from dataclasses import dataclass, field
from typing import Any

from polymodal.data.naming import usable_name

__all__ = ["Draft"]


@dataclass
class Draft:
    """The spec while it grows."""

    data: dict[str, Any]
    modalities: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def name(self, wanted: str) -> str:
        """A name like `wanted` that Python, torch and the other parts leave free."""
        name = re.sub(r"\W+", "_", wanted).strip("_") or "part"
        name = name if name.isidentifier() else "c_" + re.sub(r"\W", "_", name, flags=re.ASCII)
        taken = {*self.modalities, *self.tasks}
        while not usable_name(name) or name in taken:
            name += "_"
        return name
