"""Stages run in this process like their scripts: starting a process for each would take seconds."""

import runpy
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
ARCHIVES = {
    "imm": "imm_face_db.tar.gz",
    "ibug": "ibug_300W_large_face_landmark_dataset.tar.gz",
}


class Stages:
    """A folder with settings and a mirror, in which stages run like their scripts.

    Args:
        folder: Empty folder; becomes the current one.
        monkeypatch: Restores the current folder and the arguments.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.mirror, self.monkeypatch = folder, folder / "mirror", monkeypatch
        self.mirror.mkdir()
        (folder / "temporary").mkdir()
        (folder / "src/keypoints").mkdir(parents=True)  # marks the root of the repository
        monkeypatch.chdir(folder)
        monkeypatch.delenv("DVC_ROOT", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
        # torch creates this folder when a stage imports it first; hidden files are not compared.
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder / ".torchinductor"))
        params = (ROOT / "params.yaml").read_text()
        Path("params.yaml").write_text(params)
        self.set_params({"source": "public", "mirror": "mirror"})

    def set_params(self, values: dict[str, object]) -> None:
        """Change settings, named by their dotted keys; missing blocks are added."""
        yaml = YAML()
        params = yaml.load(Path("params.yaml").read_text())
        for key, value in values.items():
            *blocks, last = key.split(".")
            block = params
            for name in blocks:
                block = block.setdefault(name, {})
            block[last] = value
        with Path("params.yaml").open("w") as file:
            yaml.dump(params, file)

    def pack(self, dataset: str, files: Path) -> Path:
        """Put an archive into the mirror; not gzipped, although its name ends in .gz."""
        with tarfile.open(self.mirror / ARCHIVES[dataset], "w") as archive:
            archive.add(files, arcname="set")
        return self.mirror / ARCHIVES[dataset]

    def run(self, stage: str, *items: str) -> str:
        """Run a stage; returns its error message, which is empty if it succeeds."""
        self.monkeypatch.setattr(sys, "argv", [f"{stage}.py", *items])
        try:
            runpy.run_path(str(ROOT / "src" / f"{stage}.py"), run_name="__main__")
        except SystemExit as exit_:
            assert isinstance(exit_.code, str)  # Python prints it and exits with 1
            return exit_.code
        return ""

    def refuse(self, stage: str, item: str, *expected: str) -> None:
        """Run a stage that fails; its message has all expected texts, and no file changes."""
        before = self._files()
        message = self.run(stage, item)
        assert message.startswith("error: ")
        assert [text for text in expected if text not in message] == [], message
        changed = self._files() ^ before
        assert not changed

    def _files(self) -> set[Path]:
        empty = {Path("data"), *(Path("data", name) for name in ("raw", "crops", "weights"))}
        found = {path.relative_to(self.folder) for path in self.folder.rglob("*")}
        return {path for path in found - empty if not path.parts[0].startswith(".")}
