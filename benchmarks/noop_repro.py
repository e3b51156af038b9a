"""Time of `dvc repro` without changes, compared with a project of as many empty stages."""

import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from dvc.repo import Repo
from measurement import Measurement, Size, alternate
from workspace import ROOT, make_workspace, run_in

COPIED = (
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
    "dvc.yaml",
    "params.yaml",
    "src",
)
DVC = [sys.executable, "-m", "dvc"]


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Repeat both projects alternately."""
    os.environ["DVC_SITE_CACHE_DIR"] = str(folder / "site")
    make_workspace(folder / "real", rendered, size.copies)
    n_stages = _make_complete(folder / "real")
    _make_empty(folder / "empty", n_stages)
    repro = [*DVC, "repro"]
    for project in ("real", "empty"):
        output = run_in(folder / project, repro)
        if "Running stage" in output:
            raise RuntimeError(f"{project}: `dvc repro` runs a stage:\n{output}")
    times = alternate(
        partial(run_in, folder / "real", repro),
        partial(run_in, folder / "empty", repro),
        size.rounds,
    )
    real, empty = median(times.first), median(times.second)
    yield Measurement(
        f"no-op dvc repro, time / that of {n_stages} empty stages",
        1 / times.speed_ratio,
        "<= 1.5",
        f"{real:.2f} / {empty:.2f} s",
    )


def copy_project(folder: Path) -> None:
    """Copy the committed files that DVC and the stages need."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def _make_complete(folder: Path) -> int:
    """Create a repository whose outputs are up to date; return its number of stages.

    No stage runs: a no-op compares only names, sizes and modification times of files.
    """
    copy_project(folder)
    run_in(folder, ["git", "init", "--quiet"])
    with Repo(str(folder)) as repo:
        stages = repo.index.stages
        outs = [Path(out.fs_path) for stage in stages for out in stage.outs]
        deps = [Path(dep.fs_path) for stage in stages for dep in stage.deps]
    for path in (*outs, *deps):
        _fill(path)
    run_in(folder, [*DVC, "commit", "--force"])
    return len(stages)


def _fill(path: Path) -> None:
    """Create a missing output or dependency."""
    if path.exists():
        return
    if path.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
    else:
        path.mkdir(parents=True)
        (path / "file").write_text(f"{path.name}\n")


def _make_empty(folder: Path, n_stages: int) -> None:
    """Create and run a project with a chain of stages that each create an empty file."""
    folder.mkdir(parents=True)
    (folder / "start").touch()
    names = ["start", *(f"end{number}" for number in range(n_stages))]
    lines = ["stages:"]
    for before, after in zip(names[:-1], names[1:], strict=True):
        lines += [f"  {after}:", f"    cmd: ': > {after}'"]
        lines += [f"    deps: [{before}]", f"    outs: [{after}]"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    run_in(folder, ["git", "init", "--quiet"])
    run_in(folder, [*DVC, "init", "--quiet"])
    run_in(folder, [*DVC, "repro", "--quiet"])
