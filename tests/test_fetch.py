"""The fetch stage on archives in the public layout, taken from a mirror folder."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest
from workspace import Workspace

ARCHIVE = "imm_face_db.tar.gz"


@pytest.fixture
def workspace(tmp_path: Path, rendered_imm: Path) -> Workspace:
    """A repository beside whose root a mirror folder holds a small IMM archive."""
    (tmp_path / "repository").mkdir()
    (tmp_path / "mirror").mkdir()
    with tarfile.open(tmp_path / "mirror" / ARCHIVE, "w:gz") as archive:
        archive.add(rendered_imm / "imm_face_db", arcname="another_name")
    workspace = Workspace(tmp_path / "repository")
    workspace.set_params({"source": "public", "mirror": "../mirror"})
    return workspace


def digest(workspace: Workspace) -> str:
    archive = workspace.folder.parent / "mirror" / ARCHIVE
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def test_a_mirror_is_asked_first_and_the_digest_is_written_down(workspace: Workspace) -> None:
    said = workspace.run("python", "src/fetch.py", "imm")
    assert "12 train (public set: 240)" in said
    assert digest(workspace) in said
    record = json.loads((workspace.folder / "data/raw/imm/source.json").read_text())
    assert record == {
        "source": "public",
        "file": ARCHIVE,
        "sha256": digest(workspace),
        "faces": {"train": 12},
    }


def test_another_digest_than_the_settings_say_stops(workspace: Workspace) -> None:
    workspace.set_params({"downloads.imm.sha256": "0" * 64})
    said = workspace.run("python", "src/fetch.py", "imm", check=False)
    assert f"sha256 must be {'0' * 64}; got {digest(workspace)}" in said
    assert "exit code 1" in said
    assert "Traceback" not in said
    assert not (workspace.folder / "data/raw/imm").exists()


def test_a_photo_that_the_archive_lacks_is_named_and_nothing_stays(
    workspace: Workspace, rendered_imm: Path
) -> None:
    with tarfile.open(workspace.folder.parent / "mirror" / ARCHIVE, "w:gz") as archive:
        for path in sorted((rendered_imm / "imm_face_db").iterdir()):
            if path.name != "02-3m.jpg" and path.name != "02-3f.jpg":
                archive.add(path, arcname=f"top/{path.name}")
    said = workspace.run("python", "src/fetch.py", "imm", check=False)
    assert "02-3" in said
    assert "missing" in said
    assert "exit code 1" in said
    assert not (workspace.folder / "data/raw/imm").exists()


def test_weights_that_are_not_what_their_name_says_stop(workspace: Workspace) -> None:
    (workspace.folder.parent / "mirror" / "resnet18-f37072fd.pth").write_bytes(b"other weights")
    workspace.set_params({"models.resnet18.pretrained": True})
    said = workspace.run("python", "src/fetch.py", "weights", check=False)
    assert "sha256 should begin with f37072fd" in said
    assert "exit code 1" in said
