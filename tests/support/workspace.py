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
    ".dvc/.gitignore",
    ".dvcignore",
    ".gitignore",
    "Makefile",
    "data/photos/README.md",
    "data/photos/eileen_collins.jpg",
    "dvc.yaml",
    "params.yaml",
    "pretrained/wild.json",
    "pretrained/wild.safetensors",
    "src",
    "tools",
)
CONTENDERS = (
    "contenders/.dvc/config",
    "contenders/.dvc/.gitignore",
    "contenders/.dvcignore",
    "contenders/dvc.yaml",
    "contenders/params.yaml",
    "pretrained/sharp_256.safetensors",
)
OUTPUTS = (
    "data/crops",
    "data/predictions",
    "data/raw",
    "data/weights",
    "metrics",
    "models",
    "report",
    "submissions",
)
TINY = {
    "seed": 1,
    "lr": 0.002,
    "source": "rendered",
    "mirror": None,
    "datasets.imm.rendered.people": 5,
    "datasets.ibug.rendered.photos": 20,
    "datasets.ibug.rendered.test_photos": 2,
    "datasets.kaggle15.val_fraction": 0.5,
    "datasets.kaggle15.rendered.faces": 20,
    "datasets.kaggle15.rendered.test_faces": 2,
    "tasks.wild.height": 64,
    "tasks.wild.width": 64,
    "tasks.wild.margin": 8,
    "tasks.wild128.height": 64,
    "tasks.wild128.width": 64,
    "tasks.wild128.margin": 8,
    "models.resnet18.backbone": "test_resnet",  # with a twentieth of resnet18's weights
    "models.resnet18.pretrained": False,
    "models.resnet18.batch_size": 8,
}
TINY_CONTENDERS = {
    "source": "rendered",
    "tasks.wild224.height": 64,
    "tasks.wild224.width": 64,
    "tasks.wild224.margin": 8,
    "models.sharp_224.pretrained": False,
    "models.sharp_224.sizes": [{"height": 32, "epochs": 1, "lr_scale": 1.0}],
    "models.sharp_224.epochs": 1,
    "models.sharp_224.batch_size": 8,
    "tasks.wild256.height": 64,
    "tasks.wild256.width": 64,
    "tasks.wild256.margin": 8,
    "models.sharp_256.pretrained": False,
    "models.sharp_256.sizes": [],
    "models.sharp_256.epochs": 1,
    "models.sharp_256.batch_size": 8,
    "models.rendered_256.pretrained": False,
    "models.rendered_256.sizes": [],
    "models.rendered_256.epochs": 1,
    "models.rendered_256.batch_size": 8,
}
MODELS = list(YAML(typ="safe").load((ROOT / "params.yaml").read_text())["models"])


class Workspace:
    """A git and DVC repository of its own.

    Args:
        folder: Folder of the repository.
        commands: Folder with the `python` and `dvc` that are run in it.
    """

    def __init__(self, folder: Path, commands: Path) -> None:
        self.folder, self._commands = folder, commands

    @classmethod
    def create(cls, folder: Path, commands: Path) -> "Workspace":
        """Copy the pipeline, make its settings tiny, and commit everything."""
        created = cls(folder, commands)
        for name in COPIED:
            created._copy(name)
        created.set_params(TINY | {f"models.{name}.epochs": 1 for name in MODELS})
        created.run("git", "init", "--quiet")
        created.run("git", "config", "user.name", "Test")
        created.run("git", "config", "user.email", "test@example.com")
        created.commit()
        return created

    def add_contenders(self) -> "Workspace":
        """Copy the contenders' project, with tiny settings; it is removed by `restore`.

        Returns:
            The project: commands run in its folder.
        """
        for name in CONTENDERS:
            self._copy(name)
        contenders = Workspace(self.folder / "contenders", self._commands)
        contenders.set_params(TINY_CONTENDERS)
        self.commit()
        return contenders

    def beside(self, folder: Path) -> "Workspace":
        """Another repository, with the same commands."""
        return Workspace(folder, self._commands)

    def _copy(self, name: str) -> None:
        source, target = ROOT / name, self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)

    def set_params(self, values: dict[str, object], file: str = "params.yaml") -> None:
        """Change settings in a params.yaml, given by their dotted keys."""
        yaml, path = YAML(), self.folder / file
        params = yaml.load(path.read_text())
        for key, value in values.items():
            block = params
            *parents, last = key.split(".")
            for parent in parents:
                block = block[parent]
            block[last] = value
        with path.open("w") as opened:
            yaml.dump(params, opened)

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in the repository.

        Returns:
            Standard output and errors together; if `check` is false, also the exit code.
        """
        scripts = Path(sys.executable).parent
        environment = os.environ | {
            "PATH": os.pathsep.join([str(self._commands), str(scripts), os.environ["PATH"]]),
            "DVC_NO_ANALYTICS": "1",
        }
        with tempfile.TemporaryFile("w+") as file:  # a pipe would wait for background processes
            done = subprocess.run(
                command, cwd=self.folder, env=environment, stdout=file, stderr=subprocess.STDOUT
            )
            file.seek(0)
            output = file.read()
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited {done.returncode}:\n{output}")
        return output if check else f"{output}\nexit code {done.returncode}"

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
        """The stages that `dvc status` lists."""
        with self.repo() as repo:
            return set(repo.status())

    def stat_outputs(self) -> dict[Path, tuple[int, int]]:
        """Size and time of change of all files in the folders of outputs."""
        files = (path for name in OUTPUTS for path in (self.folder / name).rglob("*"))
        stats = {path: path.lstat() for path in files if not path.is_dir()}
        return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}

    def restore(self, *, has_outputs: bool = False) -> None:
        """Return to the first commit and its outputs, if the folder does not have these already."""
        first = self.run("git", "rev-list", "--max-parents=0", "HEAD").split()[-1]
        committed = self.run("git", "rev-list", "--reverse", "HEAD").split()
        state = committed[1] if len(committed) > 1 else first  # the one after `dvc repro`
        self.run("git", "reset", "--quiet", "--hard", state)  # DVC stages its lock as well
        clean = ("git", "clean", "--quiet", "--force", "-dx")
        self.run(*clean, "contenders", "src")
        if not has_outputs:
            self.run(*clean, "metrics", "models", "submissions")
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
