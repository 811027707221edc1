"""The command `polymodal`: one file for each group of verbs.

Every verb takes `--json` (one JSON document on stdout), `-q`, `-v` and `--seed`. Results go to stdout and all else to
stderr; nothing ever asks a question. The exit code tells what happened:

0 ok · 1 a bug of ours · 2 usage · 3 spec · 4 data · 5 training diverged · 6 memory, disk or lock · 7 damaged model ·
8 a gate closed · 130 SIGINT · 143 SIGTERM

>>> from polymodal.cli import main
>>> main(["doctor", "--quiet", "--json"])  # doctest: +SKIP
0

What is slow to import is imported inside the verb, so that `polymodal --help` answers at once.
"""

from polymodal.cli.app import main

__all__ = ["main"]
