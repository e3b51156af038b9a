"""Check that uncommitted changes leave results unchanged: `python tools/verify_same.py [MODEL]`.

Trains and scores one small network twice on this machine, from scratch: with the code of HEAD and
with that of the working tree. `make same` then runs `dvc commit`, so that a refactoring needs no
new training of everything.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import numpy as np
from safetensors.numpy import load_file

from keypoints.core.cli import exit_on_error
from keypoints.core.errors import PipelineError, shorten_list
from keypoints.core.git import run_git

DEFAULT_MODEL = "nose_net_16ch"


def copy_head(folder: Path) -> None:
    """Clone the repository at HEAD."""
    run_git("clone", "--quiet", ".", str(folder))


def copy_working_tree(folder: Path) -> None:
    """Copy the files of the working tree that git tracks or would track."""
    copy_head(folder)
    listed = run_git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        source, target = Path(name), folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for name in filter(None, run_git("-C", str(folder), "ls-files", "-z").split("\0")):
        if not Path(name).is_file():  # deleted in the working tree
            (folder / name).unlink(missing_ok=True)


def train(folder: Path, model: str) -> None:
    """Run the stages up to the model's scores in a copy that has no cache."""
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    environment.pop("DVC_ROOT", None)
    for name in (f"metrics/scores/{model}.json", "dvc.lock"):
        (folder / name).unlink(missing_ok=True)
    subprocess.run(["dvc", "repro", "--quiet", f"evaluate@{model}"], cwd=folder, env=environment)


def check_outputs() -> None:
    """PipelineError if outputs are not those of dvc.lock: `dvc commit` would record them."""
    command = ["dvc", "status", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8")
    if done.returncode:
        raise PipelineError("dvc status failed; its message is above")
    changed = [
        stage
        for stage, entries in json.loads(done.stdout).items()
        if any("changed outs" in entry for entry in entries if isinstance(entry, dict))
    ]
    if changed:
        raise PipelineError(
            f"outputs differ from dvc.lock: {shorten_list(changed)}; run `dvc checkout` first"
        )


def differences(head: Path, tree: Path, model: str) -> list[str]:
    """Names of tensors and files that differ or are missing.

    Args:
        head: Copy with the results of HEAD.
        tree: Copy with the results of the working tree.
        model: Name of the model.
    """
    found = []
    weights = Path(f"models/{model}.safetensors")
    if not (head / weights).is_file() or not (tree / weights).is_file():
        return [f"{weights}: not trained"]
    old, new = load_file(head / weights), load_file(tree / weights)
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new or not np.array_equal(old[name], new[name]):
            found.append(f"{weights}: tensor {name}")
    for file in (f"metrics/scores/{model}.json", f"metrics/faces/{model}.csv"):
        texts = [(folder / file).read_text(encoding="utf-8") for folder in (head, tree)]
        if texts[0] != texts[1]:
            found.append(file)
    return found


def verify(model: str) -> None:
    """Train with HEAD and with the working tree; PipelineError if something differs."""
    check_outputs()
    with tempfile.TemporaryDirectory() as folder:
        head, tree = Path(folder) / "head", Path(folder) / "tree"
        copy_head(head)
        copy_working_tree(tree)
        for copy, name in ((head, "HEAD"), (tree, "the working tree")):
            print(f"training {model} with {name}", flush=True)
            train(copy, model)
        found = differences(head, tree, model)
    if found:
        raise PipelineError("results differ:\n  " + "\n  ".join(found))
    print(f"{model}: the same tensors, scores and errors per face")


def main() -> None:
    """Train twice and compare; exit 1 if something differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL, help=f"({DEFAULT_MODEL})")
    with exit_on_error():
        verify(parser.parse_args().model)


if __name__ == "__main__":
    main()
