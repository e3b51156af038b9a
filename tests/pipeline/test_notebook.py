"""The notebook for Kaggle and Colab: executed on rendered files laid out like Kaggle's input."""

import os
import shutil
import zipfile
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from workspace import CONTENDERS, COPIED, ROOT

from keypoints.rendered.writers import write_kaggle15

NOTEBOOK = ROOT / "notebooks/kaggle.ipynb"
CLONED = """
import subprocess, sys
from pathlib import Path

WORKING, ROOT = Path("working"), Path("repository").resolve()
"""
TINY = """
INPUT = Path("Kaggle, ü (1)").resolve()
OVERRIDES = [
    f"models.{NETWORK}.epochs=1",
    f"models.{NETWORK}.batch_size=8",
    "tasks.close128.height=32",
    "tasks.close128.width=32",
]
"""


def read_notebook() -> NotebookNode:
    """The notebook, with a clone that is there, without installation, and with tiny settings."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [new_code_cell(CLONED)]
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if not tags & {"clone", "install"}:
            cells.append(cell)
        if "settings" in tags:
            cells.append(new_code_cell(TINY))
    notebook.cells = cells
    return notebook


def make_input(folder: Path) -> None:
    """Kaggle's input folder, with rendered faces, read-only."""
    write_kaggle15(folder, faces=40, test_faces=4, seed=1, workers=1)
    for name in ("training", "test"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            packed.write(folder / f"{name}.csv", f"{name}.csv")
        (folder / f"{name}.csv").unlink()
    (folder / "solution.csv").unlink()
    for path in (*folder.iterdir(), folder):
        path.chmod(path.stat().st_mode & ~0o222)


def test_its_cells_train_show_the_page_and_write_a_submission_without_git(
    tmp_path: Path, commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*COPIED, *CONTENDERS):
        target = tmp_path / "repository" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target)
    make_input(tmp_path / "Kaggle, ü (1)")
    (tmp_path / "working").mkdir()
    path = os.pathsep.join([str(commands), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1", "IPYTHONDIR": str(tmp_path)}
    environment["GIT_CEILING_DIRECTORIES"] = str(tmp_path)
    del environment["PYTEST_CURRENT_TEST"]  # with it, a kernel does not show what processes print
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    notebook = read_notebook()
    resources = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, kernel_name="python3", resources=resources)
    client.execute(env=environment)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert '"rmse_px": ' in printed
    assert "4 of the 1,783 test faces: well-formed, but" in printed
    shown = [output.data["text/html"] for output in outputs if "data" in output]
    assert [html.startswith("<div><iframe srcdoc=") for html in shown] == [True]
    requested = pd.read_csv(tmp_path / "Kaggle, ü (1)/IdLookupTable.csv")
    submission = pd.read_csv(tmp_path / "working/submission.csv")
    assert submission["RowId"].tolist() == requested["RowId"].tolist()


def test_its_requirements_are_those_of_the_project_without_torch() -> None:
    pinned = (ROOT / "pyproject.toml").read_text()
    lines = (ROOT / "notebooks/requirements.txt").read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert not any(name.startswith(("torch", "timm")) for name in names)
    assert [name for name in names if f'"{name}"' not in pinned] == ["dvc==3.67.1"]
    assert '"dvc[s3]==3.67.1"' in pinned
