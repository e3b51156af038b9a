"""`src/compare.py` on real experiments: what it reads from DVC's cache, past the workspace."""

import re

import pandas as pd
import pytest
from workspace import Workspace

MODEL = "kaggle15_net"


def compare(workspace: Workspace, *arguments: str, check: bool = True) -> str:
    return workspace.run("python", "src/compare.py", *arguments, check=check)


def test_experiments_are_compared_with_each_other_and_the_workspace(workspace: Workspace) -> None:
    longer = f"models.{MODEL}.epochs=2"
    workspace.dvc("exp", "run", "--name", "longer", "-S", longer, f"evaluate@{MODEL}")
    table = workspace.folder / f"metrics/faces/{MODEL}.csv"
    as_run, state = table.read_bytes(), workspace.run("git", "status", "--porcelain")
    said = compare(workspace, "HEAD", "longer", "--model", MODEL)
    row = next(line.split() for line in said.splitlines() if line.startswith("mae_px"))
    assert float(row[3]) == pytest.approx(float(row[2]) - float(row[1]), abs=2e-4)
    n = len(pd.read_csv(table))  # pixels differ between processors, and the split follows them
    assert re.search(rf"longer (is|and HEAD are) .+ {n} faces of {n} photo", said)
    every = compare(workspace, "longer", "workspace").splitlines()
    assert [line.split(":")[0] for line in every].count(MODEL) == 1
    assert f"{MODEL}: workspace and longer have the same errors on all {n} faces" in "\n".join(
        every
    )
    assert (table.read_bytes(), workspace.run("git", "status", "--porcelain")) == (as_run, state)


def test_two_models_of_one_revision_are_compared(ran: Workspace) -> None:
    said = compare(ran, "HEAD", "--model", "nose_net", "--model", "nose_net_16ch")
    assert "nose_net_16ch and nose_net are not to be told apart with 6 faces of 1 photo" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("HEAD", "nosuch", "--model", MODEL), "error: nosuch: unknown Git revision 'nosuch'"),
        (("nosuch", "workspace"), "error: no model could be compared"),
        (("HEAD", "--model", MODEL), "name two revisions, or two models"),
    ],
)
def test_what_cannot_be_had_is_named(ran: Workspace, arguments: tuple[str], message: str) -> None:
    said = compare(ran, *arguments, check=False)
    assert message in said
    assert "Traceback" not in said
