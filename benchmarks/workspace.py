"""Folders in which the stages run: settings, and drawn photos under as many names as wanted."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from xml.etree import ElementTree

from measurement import Size
from ruamel.yaml import YAML

from keypoints.core import paths
from keypoints.rendered import writers as rendered

ROOT = Path(__file__).resolve().parents[1]


def draw_photos(folder: Path, size: Size) -> None:
    """Draw both sets once, into `imm` and `ibug`."""
    rendered.write_imm(folder / "imm", people=size.people, seed=1)
    rendered.write_ibug(folder / "ibug", photos=size.photos, test_photos=4, seed=1)


def make_workspace(folder: Path, drawn: Path, copies: int, **changes: Any) -> None:
    """Make a folder with the committed settings and many links to the drawn photos.

    Args:
        folder: To make; the stages run in it.
        drawn: From `draw_photos`.
        copies: Names of each photo; fewer for IMM, whose persons have two digits.
        changes: Top-level keys of params.yaml with their values.
    """
    folder.mkdir(parents=True)
    YAML(typ="safe").dump(settings_with(changes), folder / "params.yaml")
    _multiply_imm(drawn / "imm", folder / paths.RAW / "imm", copies)
    _multiply_ibug(drawn / "ibug", folder / paths.RAW / "ibug", copies)


def settings_with(changes: dict[str, Any]) -> dict[str, Any]:
    """The committed settings with other top-level keys, without what they leave nothing for."""
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    params.update(changes)
    _keep_tasks_of(("imm", "ibug"), params)
    return params


def _keep_tasks_of(datasets: tuple[str, ...], params: dict[str, Any]) -> None:
    """Leave out the tasks of other data sets, their models, and what is said of models left out."""
    for name, task in list(params["tasks"].items()):
        if task["dataset"] not in datasets:
            del params["tasks"][name]
    for name, model in list(params["models"].items()):
        if model["task"] not in params["tasks"]:
            del params["models"][name]
    for name in set(params["at_test"]) - set(params["models"]):
        del params["at_test"][name]


def stage_command(stage: str, item: str) -> list[str]:
    """The command of a stage, as dvc.yaml has it."""
    return [sys.executable, str(ROOT / "src" / f"{stage}.py"), item]


def run_in(folder: Path, command: list[str]) -> str:
    """Run a command in a folder; its output.

    Raises:
        RuntimeError: If it fails, with what it said.
    """
    # A pipe would wait for the daemons that a command leaves.
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        done = subprocess.run(command, cwd=folder, stdout=out, stderr=err)
        for file in (out, err):
            file.seek(0)
        said = out.read()
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {said}{err.read()}")
    return said


def _multiply_imm(drawn: Path, folder: Path, copies: int) -> None:
    """Link every photo and its shape under the names of further persons."""
    people = max(int(path.name[:2]) for path in drawn.rglob("*.asf"))
    for path in _files(drawn):
        for number in range(min(copies, 99 // people)):
            name = f"{int(path.name[:2]) + number * people:02d}{path.name[2:]}"
            target = (folder / path.relative_to(drawn)).with_name(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".asf":
                text = path.read_text().replace(f"{path.stem}.jpg", f"{target.stem}.jpg")
                target.write_text(text)
            else:
                os.link(path, target)


def _multiply_ibug(drawn: Path, folder: Path, copies: int) -> None:
    """Link every photo into one folder per copy, and list them all."""
    for path in _files(drawn):
        target = folder / path.relative_to(drawn)
        if path.suffix == ".xml":
            target.parent.mkdir(parents=True, exist_ok=True)
            _multiply_list(path, target, copies)
            continue
        for number in range(copies):
            below = path.relative_to(drawn / rendered.IBUG_FOLDER)
            link = folder / rendered.IBUG_FOLDER / str(number) / below
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)


def _multiply_list(path: Path, target: Path, copies: int) -> None:
    """Write the list's entries once per copy, as text: a tree of them all would be large."""
    root = ElementTree.parse(path).getroot()
    for image in root.iter("image"):
        image.set("file", f"COPY/{image.get('file')}")
    images = "".join(ElementTree.tostring(image, "unicode") for image in root.iter("image"))
    with target.open("w", encoding="ISO-8859-1") as file:
        file.write("<?xml version='1.0' encoding='ISO-8859-1'?>\n<dataset><images>\n")
        for number in range(copies):
            file.write(images.replace("COPY", str(number)))
        file.write("</images></dataset>\n")


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]
