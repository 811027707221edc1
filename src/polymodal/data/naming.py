"""What a modality or a task may be called."""

import keyword

from torch import nn

__all__ = ["NAMES", "usable_name"]

NAMES = "names of letters, digits and _ that Python and torch do not use themselves"


def usable_name(name: str) -> bool:
    """Whether a network can give this name to a part: an identifier that torch does not use itself."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
    return plain and not hasattr(nn.ModuleDict(), name)
