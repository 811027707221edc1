"""The verb that compares tasks with one another: `transfer`."""

from pathlib import Path
from typing import Annotated

import typer

from polymodal.cli.paths import checked_path, free_folder
from polymodal.cli.session import Session, SetKeys, verb
from polymodal.cli.tables import aligned

__all__ = ["add_to", "transfer"]


def add_to(app: typer.Typer) -> None:
    """Add the verb of this file."""
    verb(app, "transfer")(transfer)


def transfer(
    session: Session,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, in YAML or JSON.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="The folder of its runs; a new one unless given.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="How often each way is learned.")] = 3,
    tune: Annotated[
        int, typer.Option("--tune", min=1, max=5, help="Learning rates that each way may choose from.")
    ] = 1,
    poison: Annotated[
        str | None, typer.Option("--poison", metavar="TASK", help="Make training answers of this task wrong, too.")
    ] = None,
    rate: Annotated[float, typer.Option("--rate", min=0.0, max=1.0, help="The share of them that are wrong.")] = 0.4,
    balancers: Annotated[
        list[str] | None,
        typer.Option("--balancer", metavar="NAME", help="A balancer to cope with them; may be given several times."),
    ] = None,
    sharings: Annotated[
        list[str] | None,
        typer.Option("--sharing", metavar="NAME", help="Another way of sharing to try; may be given several times."),
    ] = None,
    assignments: SetKeys = None,
) -> None:
    """Tell which task helps or hurts which: each alone, all together, all but one; finished runs are not run again."""
    from polymodal.core import UsageProblem
    from polymodal.evaluation.arms import Bench
    from polymodal.evaluation.transfer import Poison
    from polymodal.evaluation.transfer import transfer as compare
    from polymodal.report.transferred import transfer_page
    from polymodal.run.folder import Folder
    from polymodal.spec import load

    if balancers and poison is None:
        raise UsageProblem(
            "balancer-without-poison",
            where="--balancer",
            expected="--poison TASK beside it: balancers are compared by how they cope with wrong answers",
            found=", ".join(balancers),
            remedy="name a task, or set the balancer of all trials with --set train.balancer.type=…",
        )
    described = load(checked_path(spec), session.overrides(assignments))
    place = free_folder(f"transfer-{spec.stem}") if out is None else checked_path(out)
    first = session.seed or 0
    bench = Bench(described, place, range(first, first + seeds), tune, session.note)
    trial = None if poison is None else Poison(poison, rate, tuple(balancers or ()))
    found = compare(bench, trial, sharings or ())
    Folder(place).write_json("transfer.json", found.as_dict())
    page = transfer_page(found, place / "transfer.html", spec.stem)
    rows = [
        (task, metric, f"alone {found.alone[task]:.3f}", f"together {found.together[task]:.3f}")
        for task, metric in found.headlines.items()
    ]
    told = [aligned(rows), "", *found.sentences, "", *found.advice, "", f"report  {page}"]
    session.result(found.as_dict() | {"folder": str(place), "report": str(page)}, "\n".join(told))
