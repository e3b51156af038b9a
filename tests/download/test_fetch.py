"""The fetch stage on archives in the public layout, taken from a mirror folder."""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from kaggle_service import SECRET, KaggleService
from workspace import Workspace

from keypoints.competition.registry import CS194_26
from keypoints.datasets.ibug import read_ibug
from keypoints.datasets.kaggle15 import read_kaggle15
from keypoints.rendered.writers import write_kaggle15

ARCHIVE = "imm_face_db.tar.gz"
IBUG_ARCHIVE = "ibug_300W_large_face_landmark_dataset.tar.gz"
TEST_LIST, SLUG = "labels_ibug_300W_test_parsed.xml", CS194_26.slug


def of_2001(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 1_000_000_000
    return member


@pytest.fixture
def workspace(tmp_path: Path, rendered_imm: Path, commands: Path) -> Workspace:
    """A repository beside whose root a mirror folder holds a small IMM archive."""
    (tmp_path / "repository").mkdir()
    (tmp_path / "mirror").mkdir()
    with tarfile.open(tmp_path / "mirror" / ARCHIVE, "w:gz") as archive:
        archive.add(rendered_imm / "imm_face_db", arcname="another_name", filter=of_2001)
    workspace = Workspace.create(tmp_path / "repository", commands)
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
        "date": "2001-09-09",
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
    (workspace.folder.parent / "mirror" / "resnet18-f37072fd.pth").write_bytes(
        b"PK\x03\x04other weights"
    )
    workspace.set_params({"models.resnet18.pretrained": True})
    said = workspace.run("python", "src/fetch.py", "weights", check=False)
    assert "sha256 should begin with f37072fd" in said
    assert "exit code 1" in said


@pytest.fixture
def ibug_workspace(workspace: Workspace, rendered_ibug: Path) -> Workspace:
    """The same, with a small iBUG archive; the competition's test list is to be taken."""
    with tarfile.open(workspace.folder.parent / "mirror" / IBUG_ARCHIVE, "w:gz") as archive:
        archive.add(rendered_ibug / "ibug_300W_large_face_landmark_dataset", arcname="ibug")
    workspace.set_params({"downloads.ibug.test_list": "kaggle"})
    return workspace


def competition_archive(rendered_ibug: Path, list_name: str = TEST_LIST) -> bytes:
    """The competition's files: a test list of the last two faces, the other way round."""
    test_list = next(rendered_ibug.rglob(TEST_LIST)).read_text(encoding="latin-1")
    head, *images = test_list.split("  <image ")
    text = head + "  <image ".join(["", images[1], images[0]]) + "</images>\n</dataset>\n"
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(f"part_3/{list_name}", text)
        return file.getvalue()


def test_the_test_list_of_ibug_comes_from_the_competition(
    ibug_workspace: Workspace, rendered_ibug: Path, service: KaggleService
) -> None:
    service.archive = competition_archive(rendered_ibug)
    said = ibug_workspace.run("python", "src/fetch.py", "ibug")
    assert "16 train (public set: 6666), 2 test (public set: 1008)" in said
    assert service.calls == [
        ("DownloadDataFiles", {"competitionName": SLUG}),
        ("GET", "http://localhost/storage/files.zip"),  # where the redirect led
    ]
    in_archive = [face.name for face in read_ibug(rendered_ibug) if face.is_test]
    fetched = read_ibug(ibug_workspace.folder / "data/raw/ibug")
    assert [face.name for face in fetched if face.is_test] == in_archive[1::-1]
    record = json.loads((ibug_workspace.folder / "data/raw/ibug/source.json").read_text())
    assert record["test_list_sha256"] == hashlib.sha256(service.archive).hexdigest()
    assert SECRET not in said
    service.calls.clear()
    ibug_workspace.run("python", "src/fetch.py", "ibug")
    assert not service.calls  # a finished download is used again


@pytest.mark.parametrize(
    ("status", "list_name", "reason"),
    [
        (403, TEST_LIST, f"accept its rules at https://www.kaggle.com/c/{SLUG}/rules"),
        (200, "test.xml", f"no {TEST_LIST} in it; it has test.xml"),
    ],
)
def test_a_competition_without_its_list_stops_and_nothing_stays(
    ibug_workspace: Workspace,
    rendered_ibug: Path,
    service: KaggleService,
    status: int,
    list_name: str,
    reason: str,
) -> None:
    service.archive = competition_archive(rendered_ibug, list_name)
    if status != 200:
        service.refusals["DownloadDataFiles"] = (status, "You must accept the rules")
    said = ibug_workspace.run("python", "src/fetch.py", "ibug", check=False)
    assert reason in said
    assert "exit code 1" in said
    assert not (ibug_workspace.folder / "data/raw/ibug").exists()


def test_without_credentials_the_test_list_of_the_competition_cannot_be_had(
    ibug_workspace: Workspace, service: KaggleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_KEY")
    said = ibug_workspace.run("python", "src/fetch.py", "ibug", check=False)
    assert "error: no Kaggle credentials were found." in said
    assert f"Or put {SLUG}.zip into the mirror" in said
    assert not service.calls


def kaggle15_archive(folder: Path) -> bytes:
    """The competition's files as Kaggle packs them: two of them are archives themselves."""
    write_kaggle15(folder, faces=3, test_faces=2, seed=1, workers=1)
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.write(folder / "IdLookupTable.csv", "IdLookupTable.csv")
            for name in ("training", "test"):
                with io.BytesIO() as inner:
                    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as packed:
                        packed.write(folder / f"{name}.csv", f"{name}.csv")
                    archive.writestr(f"{name}.zip", inner.getvalue())
        return file.getvalue()


def test_kaggle15_comes_from_kaggle_or_from_the_mirror(
    workspace: Workspace, service: KaggleService, tmp_path: Path
) -> None:
    service.archive = kaggle15_archive(tmp_path / "drawn")
    workspace.set_params({"downloads.kaggle15.source": "kaggle"})
    said = workspace.run("python", "src/fetch.py", "kaggle15")
    assert "3 train (public set: 7049), 2 test (public set: 1783)" in said
    slug = "facial-keypoints-detection"
    assert service.calls[0] == ("DownloadDataFiles", {"competitionName": slug})
    faces = read_kaggle15(workspace.folder / "data/raw/kaggle15")
    assert all((workspace.folder / "data/raw/kaggle15" / face.photo).is_file() for face in faces)
    service.calls.clear()
    downloaded = workspace.folder / ".downloads" / f"{slug}.zip"
    downloaded.rename(workspace.folder.parent / "mirror" / downloaded.name)
    workspace.set_params({"downloads.kaggle15.sha256": "0" * 64})
    said = workspace.run("python", "src/fetch.py", "kaggle15", check=False)
    assert f"sha256 must be {'0' * 64}; got {hashlib.sha256(service.archive).hexdigest()}" in said
    assert not service.calls
