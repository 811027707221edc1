"""`python -m polymodal` is the command `polymodal`."""

import sys

from polymodal.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
