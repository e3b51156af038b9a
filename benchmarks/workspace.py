"""Folders in which stages run: settings, and rendered photos multiplied by hard links."""

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
from keypoints.rendered.writers import IBUG_FOLDER, write_ibug, write_imm

ROOT = Path(__file__).resolve().parents[1]
DATASETS = ("imm", "ibug")


def render_photos(folder: Path, size: Size) -> None:
    """Render both data sets once, into `imm` and `ibug`."""
    write_imm(folder / "imm", people=size.people, seed=1)
    write_ibug(folder / "ibug", photos=size.photos, test_photos=4, seed=1)


def make_workspace(folder: Path, rendered: Path, copies: int, **changes: Any) -> None:
    """Create a folder with the committed settings and many links to the rendered photos.

    Args:
        folder: Folder to create; the stages run in it.
        rendered: Folder of `render_photos`.
        copies: Number of links to each photo; fewer for IMM, whose persons have two digits.
        changes: Top-level keys of params.yaml and their values.
    """
    folder.mkdir(parents=True)
    YAML(typ="safe").dump(change_settings(changes), folder / "params.yaml")
    _multiply_imm(rendered / "imm", folder / paths.RAW / "imm", copies)
    _multiply_ibug(rendered / "ibug", folder / paths.RAW / "ibug", copies)


def change_settings(changes: dict[str, Any]) -> dict[str, Any]:
    """Committed settings with other values of some top-level keys.

    Tasks of data sets that are not rendered here, and their models, are left out.
    """
    params = YAML(typ="safe").load(ROOT / "params.yaml") | changes
    tasks, models = params["tasks"].items(), params["models"].items()
    params["tasks"] = {name: task for name, task in tasks if task["dataset"] in DATASETS}
    params["models"] = {name: model for name, model in models if model["task"] in params["tasks"]}
    return params


def stage_command(stage: str, item: str) -> list[str]:
    """Command of a stage."""
    return [sys.executable, str(ROOT / "src" / f"{stage}.py"), item]


def run_in(folder: Path, command: list[str]) -> str:
    """Run a command in a folder and return its standard output.

    Raises:
        RuntimeError: If the command fails; the message contains its output.
    """
    # Files, not pipes: reading a pipe would wait for daemons that the command has started.
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        done = subprocess.run(command, cwd=folder, stdout=out, stderr=err)
        for file in (out, err):
            file.seek(0)
        output = out.read()
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {output}{err.read()}")
    return output


def _multiply_imm(rendered: Path, folder: Path, copies: int) -> None:
    """Link every photo, and copy its shape file, under the names of further persons."""
    people = max(int(path.name[:2]) for path in rendered.rglob("*.asf"))
    for path in _files(rendered):
        for number in range(min(copies, 99 // people)):
            name = f"{int(path.name[:2]) + number * people:02d}{path.name[2:]}"
            target = (folder / path.relative_to(rendered)).with_name(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".asf":
                text = path.read_text().replace(f"{path.stem}.jpg", f"{target.stem}.jpg")
                target.write_text(text)
            else:
                os.link(path, target)


def _multiply_ibug(rendered: Path, folder: Path, copies: int) -> None:
    """Link every photo into one folder per copy, and list all of them."""
    for path in _files(rendered):
        target = folder / path.relative_to(rendered)
        if path.suffix == ".xml":
            target.parent.mkdir(parents=True, exist_ok=True)
            _multiply_list(path, target, copies)
            continue
        for number in range(copies):
            name = path.relative_to(rendered / IBUG_FOLDER)
            link = folder / IBUG_FOLDER / str(number) / name
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)


def _multiply_list(path: Path, target: Path, copies: int) -> None:
    """Write the entries of a list once per copy, as text: a tree of all entries would be large."""
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
