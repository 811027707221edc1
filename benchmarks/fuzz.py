"""Does a mangled spec or table ever look like a bug of ours?

Question: specs and tables after one to three small accidents each (a word replaced, a line lost, another encoding,
a file cut short …; the mutations of tests/cli/test_fuzz.py, from other seeds than there), given to `validate`, `fit`
and `init` in this process. Exit codes are counted by what was mangled and by verb.
Bar: exit 1 ("a bug of ours") and Python's own tracebacks never, in 1,000. Read by: the row with code 1 does not exist.

    OMP_NUM_THREADS=1 python benchmarks/fuzz.py [COUNT]
"""

import contextlib
import io
import os
import random
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from record import write

from polymodal.cli import main as command

# The tests are no package of ours; their builders are read from the root of the repository.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.cli.test_fuzz import SPEC, TABLE, mutated

__all__ = ["main"]

FIRST = 1_000_000  # seeds that the tests never draw


def called(*words: str) -> tuple[int, str]:
    """The exit code of a command line, and what it said on stderr; an exception that gets out counts as exit 1."""
    told = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
        try:
            return command([*words, "--json"]), told.getvalue()
        except BaseException as problem:  # noqa: BLE001 - that is what is looked for
            return 1, repr(problem)


def mangled_spec(number: int) -> tuple[str, int, str]:
    """Write a mangled spec beside a good table and give it to a verb: verb, exit code, what was said."""
    Path("cohort.csv").write_text(TABLE)
    Path("spec.yaml").write_bytes(mutated(SPEC, random.Random(FIRST + number), " ,:{}[]\n"))
    verb = ["fit", "spec.yaml", "--out", f"run{number}"] if number % 20 == 0 else ["validate", "spec.yaml"]
    return verb[0], *called(*verb, "--set", "train.time_limit=1")


def mangled_table(number: int) -> tuple[str, int, str]:
    """Write a mangled table beside a good spec and give it to a verb."""
    Path("spec.yaml").write_text(SPEC)
    Path("cohort.csv").write_bytes(mutated(TABLE, random.Random(FIRST + number), ",\n"))
    verb = ["init", "cohort.csv"] if number % 5 == 4 else ["validate", "spec.yaml"]
    verb = ["fit", "spec.yaml", "--out", f"run{number}"] if number % 50 == 1 else verb
    return verb[0], *called(*verb)


def main(count: int = 1000) -> None:
    """Half of them specs, half of them tables."""
    codes: Counter[tuple[str, str, int]] = Counter()
    back = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for number in range(count):
                what, mangle = ("spec", mangled_spec) if number % 2 == 0 else ("table", mangled_table)
                verb, code, told = mangle(number)
                codes[what, verb, code] += 1
                if code == 1:
                    print(f"number {number}, {what}, {verb}: {told}", flush=True)
        finally:
            os.chdir(back)
    rows = [{"mangled": what, "verb": verb, "exit": code, "count": many} for (what, verb, code), many in codes.items()]
    rows.sort(key=lambda row: (row["mangled"], row["verb"], row["exit"]))
    print(*rows, f"exit 1: {sum(many for key, many in codes.items() if key[2] == 1)} of {count}", sep="\n")
    write("fuzz", rows, FIRST)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
