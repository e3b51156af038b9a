"""The notebook for Kaggle and Colab: its cells, on rendered files laid out like Kaggle's input."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
from workspace import CONTENDERS, COPIED, ROOT

from keypoints.rendered.writers import write_kaggle15

NOTEBOOK = ROOT / "notebooks/kaggle.ipynb"
SKIPPED = {"clone", "install"}
TINY = """
from pathlib import Path
WORKING, ROOT, INPUT = Path("working"), Path("repository").resolve(), Path("input").resolve()
OVERRIDES = [
    f"models.{MODEL}.epochs=1",
    f"models.{MODEL}.batch_size=8",
    "tasks.close128.height=32",
    "tasks.close128.width=32",
]
"""
DISPLAY = """
def HTML(text): return text
def display(text): print("displayed", len(text))
"""


def cells() -> list[str]:
    """Source of the code cells, without those that clone and install."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    found = []
    for cell in notebook["cells"]:
        tags = set(cell["metadata"].get("tags", []))
        if cell["cell_type"] == "code" and not tags & SKIPPED:
            found.append("".join(cell["source"]))
            found += [TINY] if "settings" in tags else []
    return found


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
    tmp_path: Path, commands: Path
) -> None:
    for name in (*COPIED, *CONTENDERS):
        target = tmp_path / "repository" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target)
    make_input(tmp_path / "input")
    (tmp_path / "working").mkdir()
    (tmp_path / "IPython").mkdir()  # which the environment of the tests lacks
    (tmp_path / "IPython/display.py").write_text(DISPLAY)
    (tmp_path / "notebook.py").write_text(
        "import subprocess, sys\nfrom pathlib import Path\n" + "\n".join(cells()),
        encoding="utf-8",
    )
    path = os.pathsep.join([str(commands), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(tmp_path)}
    environment["GIT_CEILING_DIRECTORIES"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "notebook.py"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert '"rmse_px": ' in done.stdout and "displayed " in done.stdout
    assert "4 of the 1,783 test faces: well-formed, but" in done.stdout
    requested = pd.read_csv(tmp_path / "input/IdLookupTable.csv")
    submission = pd.read_csv(tmp_path / "working/submission.csv")
    assert submission["RowId"].tolist() == requested["RowId"].tolist()


def test_its_requirements_are_those_of_the_project_without_torch() -> None:
    pinned = (ROOT / "pyproject.toml").read_text()
    lines = (ROOT / "notebooks/requirements.txt").read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert not any(name.startswith(("torch", "timm")) for name in names)
    assert [name for name in names if f'"{name}"' not in pinned] == ["dvc==3.67.1"]
    assert '"dvc[s3]==3.67.1"' in pinned
