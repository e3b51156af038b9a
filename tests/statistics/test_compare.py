"""`src/compare.py` on experiments, whose outputs it reads from DVC's cache."""

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
    content, state = table.read_bytes(), workspace.run("git", "status", "--porcelain")
    output = compare(workspace, "HEAD", "longer", "--model", MODEL)
    row = next(line.split() for line in output.splitlines() if line.startswith("mae_px"))
    assert float(row[3]) == pytest.approx(float(row[2]) - float(row[1]), abs=2e-4)
    n = len(pd.read_csv(table))  # pixels differ between processors, and the split depends on them
    assert re.search(rf"longer (is|and HEAD do) .+ {n} faces in {n} group", output)
    every = compare(workspace, "longer", "workspace").splitlines()
    assert [line.split(":")[0] for line in every].count(MODEL) == 1
    assert f"{MODEL}: workspace and longer have the same errors on all {n} faces" in "\n".join(
        every
    )
    assert (table.read_bytes(), workspace.run("git", "status", "--porcelain")) == (content, state)


def test_two_models_of_one_revision_are_compared(ran: Workspace) -> None:
    output = compare(ran, "HEAD", "--model", "nose_net", "--model", "nose_net_16ch")
    assert "nose_net_16ch and nose_net do not differ significantly on 6 faces in 1 group" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("HEAD", "nosuch", "--model", MODEL), "error: nosuch: unknown Git revision 'nosuch'"),
        (("nosuch", "workspace"), "error: nosuch: unknown Git revision 'nosuch'"),
        (("workspace", "nosuch"), "error: nosuch: unknown Git revision 'nosuch'"),
        (("", "HEAD"), "argument REV: a revision should not be empty; got ''"),
        (("HEAD", "--model", MODEL), "give two revisions or two models"),
    ],
)
def test_the_message_names_what_is_missing(
    ran: Workspace, arguments: tuple[str], message: str
) -> None:
    output = compare(ran, *arguments, check=False)
    assert message in output
    assert "Traceback" not in output
