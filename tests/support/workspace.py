"""A copy of the repository with tiny settings, for tests that run its commands as a user would."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from dvc.repo import Repo

ROOT = Path(__file__).parents[2]
COPIED = (
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
    "Makefile",
    "data/photos/README.md",
    "dvc.yaml",
    "params.yaml",
    "src",
)

CONTENDERS = (
    "contenders/dvc.yaml",
    "contenders/params.yaml",
    "pretrained/quick_224.safetensors",
    "pretrained/second_224.safetensors",
)

TINY = {
    "seed": 1,
    "lr": 0.002,
    "source": "rendered",
    "mirror": None,
    "rendered.imm.people": 5,
    "rendered.ibug.photos": 20,
    "rendered.ibug.test_photos": 2,
    "rendered.kaggle15.faces": 20,
    "rendered.kaggle15.test_faces": 2,
    "validation.kaggle15": 0.5,
    "tasks.wild.height": 64,
    "tasks.wild.width": 64,
    "tasks.wild.margin": 8,
    "models.resnet18.pretrained": False,
    "models.resnet18.batch_size": 8,
}
TINY_CONTENDERS = {
    "tasks.wild160.height": 64,
    "tasks.wild160.width": 64,
    "tasks.wild160.margin": 8,
    "models.mobile_heatmap.pretrained": False,
    "models.quick_128.pretrained": False,
    "models.sharp_128.pretrained": False,
    "models.second_128.pretrained": False,
    "models.pip_128.pretrained": False,
    "models.mobile_heatmap.epochs": 1,
    "models.mobile_heatmap.batch_size": 8,
    "models.mobile_fine.epochs": 1,
    "models.mobile_fine.batch_size": 8,
}
MODELS = list(YAML(typ="safe").load((ROOT / "params.yaml").read_text())["models"])


class Workspace:
    """A git and DVC repository of its own.

    Args:
        folder: Of the repository.
        commands: Folder of the `python` and `dvc` that are run in it.
    """

    def __init__(self, folder: Path, commands: Path) -> None:
        self.folder, self._commands = folder, commands

    @classmethod
    def create(cls, folder: Path, commands: Path) -> "Workspace":
        """Copy what the pipeline needs, make its settings tiny, and commit it all."""
        made = cls(folder, commands)
        for name in COPIED:
            made._copy(name)
        made.set_params(TINY | {f"models.{name}.epochs": 1 for name in MODELS})
        made.run("git", "init", "--quiet")
        made.run("git", "config", "user.name", "Test")
        made.run("git", "config", "user.email", "test@example.com")
        made.commit()
        return made

    def add_contenders(self) -> None:
        """Their stages too, until the next `restore`; without them every DVC command is quicker."""
        for name in CONTENDERS:
            self._copy(name)
        self.set_params(TINY_CONTENDERS, "contenders/params.yaml")

    def beside(self, folder: Path) -> "Workspace":
        """Another repository, in which the same commands are run."""
        return Workspace(folder, self._commands)

    def _copy(self, name: str) -> None:
        source, target = ROOT / name, self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)

    def set_params(self, values: dict[str, object], file: str = "params.yaml") -> None:
        """Change settings in a params.yaml, named by their dotted keys."""
        yaml, path = YAML(), self.folder / file
        params = yaml.load(path.read_text())
        for key, value in values.items():
            block = params
            *parents, last = key.split(".")
            for parent in parents:
                block = block[parent]
            block[last] = value
        with path.open("w") as file:
            yaml.dump(params, file)

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in the repository; what it printed, errors included."""
        scripts = Path(sys.executable).parent
        environment = os.environ | {
            "PATH": os.pathsep.join([str(self._commands), str(scripts), os.environ["PATH"]]),
            "DVC_NO_ANALYTICS": "1",
        }
        with tempfile.TemporaryFile("w+") as file:  # a pipe would wait for what runs on behind
            done = subprocess.run(
                command, cwd=self.folder, env=environment, stdout=file, stderr=subprocess.STDOUT
            )
            file.seek(0)
            said = file.read()
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited {done.returncode}:\n{said}")
        return said if check else f"{said}\nexit code {done.returncode}"

    def dvc(self, *arguments: str, check: bool = True) -> str:
        """Run a DVC command."""
        return self.run("dvc", *arguments, check=check)

    @contextlib.contextmanager
    def repo(self) -> "Iterator[Repo]":
        """DVC in this process: its command takes a second to start."""
        from dvc.repo import Repo

        with contextlib.chdir(self.folder), Repo() as repo:
            yield repo

    def changed(self) -> set[str]:
        """The stages that `dvc status` names; contenders are not of the pipeline itself."""
        with self.repo() as repo:
            return {stage for stage in repo.status() if ":" not in stage}

    def restore(self) -> None:
        """Go back to the last commit, whatever was made since."""
        self.run("git", "reset", "--quiet", "--hard")  # DVC stages its lock, too
        made = ("metrics", "models", "submissions", "contenders")
        self.run("git", "clean", "--quiet", "--force", "-dx", *made)
        with self.repo() as repo:
            repo.checkout(["dvc.yaml"], force=True)

    def stages_run(self, *arguments: str) -> list[str]:
        """Run a DVC command; the stages that it ran, in their order."""
        marker = "Running stage '"
        lines = self.dvc(*arguments).splitlines()
        return [line.split("'")[1] for line in lines if line.startswith(marker)]

    def commit(self) -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", "state")
