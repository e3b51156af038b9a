"""A `dvc repro` that has nothing to do, against that of a project with as many empty commands."""

import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from dvc.repo import Repo
from measurement import Measurement, Size, in_turn
from workspace import ROOT, make_workspace, run_in

COPIED = ("src", "dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config")
DVC = [sys.executable, "-m", "dvc"]


def measure(folder: Path, drawn: Path, size: Size) -> Iterator[Measurement]:
    """Repeat both projects in turn."""
    os.environ["DVC_SITE_CACHE_DIR"] = str(folder / "site")
    make_workspace(folder / "real", drawn, size.copies)
    n_stages = _complete(folder / "real")
    _make_empty(folder / "empty", n_stages)
    repeat = [*DVC, "repro"]
    for project in ("real", "empty"):
        said = run_in(folder / project, repeat)
        if "Running stage" in said:
            raise RuntimeError(f"{project}: `dvc repro` found something to do:\n{said}")
    times = in_turn(
        partial(run_in, folder / "real", repeat),
        partial(run_in, folder / "empty", repeat),
        size.rounds,
    )
    real, empty = median(times.first), median(times.second)
    yield Measurement(
        f"no-op dvc repro, time / that of {n_stages} empty stages",
        1 / times.speed_ratio,
        "",
        f"{real:.2f} / {empty:.2f} s",
    )


def _complete(folder: Path) -> int:
    """Make a repository whose outputs are there and up to date; how many stages it has.

    No stage runs: what a no-op looks at is the files' names, sizes and times.
    """
    for name in COPIED:
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    run_in(folder, ["git", "init", "--quiet"])
    with Repo(str(folder)) as repo:
        stages = repo.index.stages
        outs = [Path(out.fs_path) for stage in stages for out in stage.outs]
        deps = [Path(dep.fs_path) for stage in stages for dep in stage.deps]
    for path in (*outs, *deps):
        _fill(path)
    run_in(folder, [*DVC, "commit", "--force"])
    return len(stages)


def _fill(out: Path) -> None:
    """Put something where an output, or a part of one, is missing."""
    if out.exists():
        return
    if out.suffix:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("{}\n")
    else:
        out.mkdir(parents=True)
        (out / "file").write_text(f"{out.name}\n")


def _make_empty(folder: Path, n_stages: int) -> None:
    """Make a project of stages that each leave an empty file, and run it."""
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
