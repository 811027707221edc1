"""Everything is shared up to the heads."""

from collections.abc import Collection, Sequence

from polymodal.core import Representation
from polymodal.sharing.base import Sharing

__all__ = ["Hard"]


class Hard(Sharing):
    """All tasks read the same vectors (Caruana 1997). It has no weights, and costs nothing."""

    def __init__(self) -> None:
        super().__init__()

    def build(self, tasks: Sequence[str], width: int, looking: Collection[str] = ()) -> None:
        """Nothing is made, whatever the tasks are."""
        del tasks, width, looking

    def forward(self, representation: Representation, tasks: Sequence[str]) -> dict[str, Representation]:
        """The same representation for each."""
        return dict.fromkeys(tasks, representation)
