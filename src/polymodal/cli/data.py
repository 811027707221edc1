"""Verbs around tables: `data list`, `data get`, `init`, `validate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from polymodal.cli.paths import checked_path, relative_path, write_new
from polymodal.cli.session import Session, SetKeys, verb
from polymodal.cli.tables import aligned

__all__ = ["add_to", "get_set", "init", "list_sets", "validate"]

Table = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="csv, tsv, parquet, feather, jsonl, FASTA, SMILES, SDF, h5ad, or a folder of files.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    sets = typer.Typer(help="The data sets that this package knows.", no_args_is_help=True, rich_markup_mode=None)
    verb(sets, "list")(list_sets)
    verb(sets, "get")(get_set)
    app.add_typer(sets, name="data")
    verb(app, "init")(init)
    verb(app, "validate")(validate)


def list_sets(session: Session) -> None:
    """List the data sets: title, licence, and whether each is here."""
    from polymodal.data import sets

    entries = list(sets.list())
    rows = [
        [str(entry["name"]), "here" if entry["there"] else "not here", f"{entry['rows']:,} rows"] for entry in entries
    ]
    told = [[*row, str(entry["title"]), str(entry["licence"])] for row, entry in zip(rows, entries, strict=True)]
    session.result({"sets": entries}, aligned(told))


def get_set(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the set.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="SPEC", help="Write a spec that learns from it to this file.")
    ] = None,
) -> None:
    """Fetch a data set from its origin, check it, and say where it is."""
    from polymodal.data import sets
    from polymodal.spec import Spec

    if out is not None:
        checked_path(out)
    chosen = sets.named(name)
    folder = chosen.get()
    document = {"name": name, "path": str(folder), "licence": chosen.licence, "origin": chosen.origin}
    told = f"{name}  {folder}"
    if out is not None:
        write_new(out, Spec.from_dict(chosen.spec(), name=name).to_yaml())
        document["spec"] = str(out)
        told += f"\nspec  {out}\nnext  polymodal fit {out} --out runs/{name}"
    session.result(document, told)


def init(
    session: Session,
    table: Table,
    targets: Annotated[
        list[str] | None,
        typer.Option("--target", metavar="COLUMN", help="What to predict; may be given several times."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="SPEC", help="The file to write; stdout unless given.")
    ] = None,
) -> None:
    """Look at a table and propose a spec for it, with a reason for each choice."""
    from polymodal.data.inference import propose
    from polymodal.data.tables import read_table
    from polymodal.spec import Spec

    folder = Path() if out is None else checked_path(out).parent
    proposal = propose(read_table(checked_path(table)), targets)
    reasons = proposal.pop("reasons")
    for key in {"table", "files"} & set(proposal["data"]):
        proposal["data"][key] = relative_path(Path(proposal["data"][key]), folder)
    if session.seed is not None:
        proposal["train"] = {"seed": session.seed}
    spec = Spec.from_dict(proposal, folder)
    text = spec.to_yaml(reasons)
    document: dict[str, Any] = {"spec": spec.to_dict(), "reasons": reasons}
    if out is None:
        session.result(document, text.rstrip("\n"))
        return
    write_new(out, text)
    session.result(document | {"path": str(out)}, f"spec  {out}\nnext  polymodal fit {out} --out RUN")


def validate(
    session: Session,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, in YAML or JSON.", show_default=False)],
    assignments: SetKeys = None,
) -> None:
    """Check a spec, its table and some of its files without training: leaks, splits, what cannot be used."""
    from polymodal.run.looking import look_into
    from polymodal.run.tables import counts, divide, open_source
    from polymodal.spec import load

    described = load(checked_path(spec), session.overrides(assignments))
    source = open_source(described, described.folder)
    parts = source.spec.build()
    division, findings = divide(source, parts)
    split = division.split
    findings += [
        found for found in look_into(source.table, parts, split.train) if found.code not in source.spec.data.allow
    ]
    rows = counts(split)
    told = [one.as_dict() for one in findings]
    text = [
        f"{one['where']}: {one['code']}{' (accepted in data.allow)' * bool(one['accepted'])}\n"
        f"  found:    {one['message']}\n  do:       {one['do']}"
        for one in told
    ]
    summary = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    accepted = sum(one.accepted for one in findings)
    warnings = len(told) - accepted
    verdict = f"valid: {summary} rows" + (f", {warnings} warning{'s' * (warnings > 1)}" if warnings else "")
    verdict += f", {accepted} accepted on purpose" if accepted else ""
    session.result({"valid": True, "rows": dict(rows), "findings": told}, "\n".join([*text, verdict]))
