"""Stages run in this process, as their scripts do: a process for each would take its seconds."""

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
    """A folder with settings and a mirror, in which stages run as their scripts do."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.mirror, self.monkeypatch = folder, folder / "mirror", monkeypatch
        self.mirror.mkdir()
        (folder / "temporary").mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.delenv("DVC_ROOT", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
        self.set_params({"source": "public", "mirror": "mirror"})

    def set_params(self, values: dict[str, object]) -> None:
        yaml = YAML()
        params = yaml.load((ROOT / "params.yaml").read_text())
        for key, value in values.items():
            *blocks, last = key.split(".")
            block = params
            for name in blocks:
                block = block[name]
            block[last] = value
        with Path("params.yaml").open("w") as file:
            yaml.dump(params, file)

    def pack(self, dataset: str, files: Path) -> Path:
        """An archive of the mirror; not gzipped, whatever its name: content tells."""
        with tarfile.open(self.mirror / ARCHIVES[dataset], "w") as packed:
            packed.add(files, arcname="set")
        return self.mirror / ARCHIVES[dataset]

    def run(self, stage: str, item: str) -> str:
        """Run a stage; its message if it exits 1, nothing if it is done."""
        self.monkeypatch.setattr(sys, "argv", [f"{stage}.py", item])
        try:
            runpy.run_path(str(ROOT / "src" / f"{stage}.py"), run_name="__main__")
        except SystemExit as exit_:
            assert isinstance(exit_.code, str)  # Python prints it and exits 1
            return exit_.code
        return ""

    def refuse(self, stage: str, item: str, *expected: str) -> None:
        """The stage names all that is expected, and nothing is left that was not there."""
        before = self._files()
        message = self.run(stage, item)
        assert message.startswith("error: ")
        assert [text for text in expected if text not in message] == [], message
        assert self._files() == before

    def _files(self) -> set[Path]:
        kept = {Path("data"), Path("data/raw"), Path("data/crops")}  # folders without anything
        found = {path.relative_to(self.folder) for path in self.folder.rglob("*")}
        return {path for path in found - kept if path.parts[0] != ".downloads"}
