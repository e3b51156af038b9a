"""The stages fetch and prepare on archives in the public layout, taken from a mirror folder."""

import hashlib
import io
import json
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kaggle_service import SECRET, KaggleService
from stages import ARCHIVES, Stages

from keypoints.datasets.ibug import read_ibug
from keypoints.datasets.kaggle15 import read_kaggle15
from keypoints.rendered.writers import write_kaggle15

FACE, PHOTO = "01-1m.asf", "01-1m.jpg"
TRAIN_LIST = "labels_ibug_300W_train.xml"
TEST_LIST = "labels_ibug_300W_test_parsed.xml"
CLASS_COMPETITION = "cs194-26-fall-2021-project-5"
KAGGLE15_COMPETITION = "facial-keypoints-detection"


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    return Stages(tmp_path, monkeypatch)


@pytest.fixture
def imm(tmp_path_factory: pytest.TempPathFactory, rendered_imm: Path) -> Path:
    """Two faces of IMM, to be damaged."""
    folder = tmp_path_factory.mktemp("imm_files")
    for path in rendered_imm.rglob("01-[12]?.*"):
        shutil.copy(path, folder / f"{path.stem[:4]}m{path.suffix}")
    for path in folder.glob("*.asf"):
        photo = path.read_text().rstrip().rsplit("\n", 1)[-1]
        path.write_text(path.read_text().replace(photo, f"{path.stem}.jpg"))
    return folder


@pytest.fixture
def ibug(tmp_path_factory: pytest.TempPathFactory, rendered_ibug: Path) -> Path:
    folder = tmp_path_factory.mktemp("ibug_files") / "set"
    return shutil.copytree(next(rendered_ibug.rglob(TRAIN_LIST)).parent, folder)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def from_2001(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 1_000_000_000
    return member


def test_counts_and_digest_of_an_archive_are_printed_and_recorded(
    stages: Stages, imm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = stages.mirror / ARCHIVES["imm"]
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(imm, arcname="another_name", filter=from_2001)
    assert stages.run("fetch", "imm") == ""
    output = capsys.readouterr().out
    assert "2 training faces (public set: 240)" in output
    assert sha256(archive) in output
    assert json.loads(Path("data/raw/imm/source.json").read_text()) == {
        "source": "public",
        "date": "2001-09-09",
        "file": archive.name,
        "sha256": sha256(archive),
        "faces": {"train": 2},
    }


def drop_point(files: Path) -> None:
    lines = (files / FACE).read_text().split("\n")
    lines.remove(next(line for line in lines if line.startswith("0 ")))
    (files / FACE).write_text("\n".join(lines))


DAMAGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "photo": (lambda files: (files / PHOTO).write_bytes(b"<html>"), PHOTO, "not a photo"),
    "missing photo": (lambda files: (files / PHOTO).unlink(), PHOTO, "missing"),
    "annotation": (drop_point, FACE, "57 points where the IMM scheme has 58"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_fetch_refuses_bad_files_and_names_file_and_archive(
    stages: Stages, imm: Path, case: str
) -> None:
    damage, file, rule = DAMAGES[case]
    damage(imm)
    stages.pack("imm", imm)
    stages.refuse("fetch", "imm", f"data/raw/imm/set/{file}: ", rule, ARCHIVES["imm"], "`mirror:`")


def test_fetch_refuses_a_truncated_photo_that_prepare_would_accept(
    stages: Stages, imm: Path
) -> None:
    (imm / PHOTO).write_bytes((imm / PHOTO).read_bytes()[:-2000])
    stages.pack("imm", imm)
    stages.refuse("fetch", "imm", f"{PHOTO}: not a whole photo", ARCHIVES["imm"])


def test_fetch_names_all_bad_files_together(stages: Stages, imm: Path) -> None:
    drop_point(imm)
    (imm / "01-2m.jpg").write_bytes((imm / "01-2m.jpg").read_bytes()[:-2000])
    (imm / "01-3m.asf").write_bytes((imm / "01-2m.asf").read_bytes().replace(b"01-2m", b"01-3m"))
    stages.pack("imm", imm)
    archive = f"mirror/{ARCHIVES['imm']}"
    problems = ("57 points", "01-2m.jpg: not a whole photo", "01-3m.jpg: missing", "such as 01-1m")
    stages.refuse("fetch", "imm", "error: 3 faults:", archive, *problems)


def test_excluded_faces_are_left_out_counted_and_stored(
    stages: Stages, ibug: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = read_ibug(ibug)
    first, test_face = faces[0], faces[-1]
    text = (ibug / TRAIN_LIST).read_text(encoding="latin-1")
    text = text.replace("<box ", "<box ignore='1' ", 1)  # of one training face
    (ibug / TRAIN_LIST).write_text(text, encoding="latin-1")
    for face in (first, test_face):
        (ibug / face.photo).unlink()
    stages.pack("ibug", ibug)
    assert "2 faults" in stages.run("fetch", "ibug")
    stages.set_params(
        {"datasets.ibug.exclude": [f"{first.name}.JPG", f"{test_face.name[:-1]}?", "typo"]}
    )
    capsys.readouterr()
    assert stages.run("fetch", "ibug") == ""
    printed = capsys.readouterr()
    assert "14 training faces (public set: 6,666), 2 test faces" in printed.out
    assert "ibug: 3 face(s) left out: " in printed.out and first.name in printed.out
    assert "exclude: no face is named typo" in printed.err
    record = json.loads(Path("data/raw/ibug/source.json").read_text())
    assert {first.name, test_face.name} < set(record["left_out"])
    assert stages.run("prepare", "wild") == ""
    missing = Path("data/crops/wild/missing_test_faces.txt")
    assert missing.read_text() == f"{test_face.name}\n"


def test_photos_that_no_list_names_are_counted(
    stages: Stages, ibug: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = read_ibug(ibug)
    shutil.copy(ibug / first.photo, ibug / "extra.JPG")
    stages.pack("ibug", ibug)
    stages.set_params({"datasets.ibug.exclude": [second.name]})
    assert stages.run("fetch", "ibug") == ""
    assert "ibug: 1 photo(s) in no list of faces: set/extra.JPG" in capsys.readouterr().out
    assert json.loads(Path("data/raw/ibug/source.json").read_text())["unlisted_photos"] == 1


@pytest.mark.parametrize("case", DAMAGES)
def test_prepare_refuses_files_damaged_after_the_fetch(
    stages: Stages, imm: Path, case: str
) -> None:
    damage, file, rule = DAMAGES[case]
    damage(imm)
    shutil.copytree(imm, "data/raw/imm")
    stages.refuse("prepare", "nose", f"data/raw/imm/{file}: ", rule, "Run fetch@imm again")


def test_prepare_refuses_a_box_larger_than_any_photo(stages: Stages, ibug: Path) -> None:
    text = (ibug / TRAIN_LIST).read_text(encoding="latin-1")
    wide = re.sub(r"(<box [^>]*width=)'\d+'", r"\1'90000'", text, count=1)
    (ibug / TRAIN_LIST).write_text(wide, encoding="latin-1")
    shutil.copytree(ibug, "data/raw/ibug")
    stages.refuse("prepare", "wild", "more than 60,000,000 px of the photo", "fetch@ibug")
    stages.pack("ibug", ibug)
    assert "more than 10 times as large as the photo" in stages.run("fetch", "ibug")


def test_an_archive_of_another_digest_size_or_layout_stops_the_fetch(
    stages: Stages, imm: Path
) -> None:
    archive = stages.pack("imm", imm)
    stages.set_params({"datasets.imm.sha256": "0" * 64})
    found = f"sha256 must be {'0' * 64}; got {sha256(archive)}"
    stages.refuse("fetch", "imm", archive.name, found, "Use another mirror")
    stages.set_params({"datasets.imm.sha256": None, "datasets.imm.max_unpacked_gb": 1e-5})
    stages.refuse("fetch", "imm", archive.name, "more than 10,000 bytes", "max_unpacked_gb")
    stages.set_params({"datasets.imm.max_unpacked_gb": 1})
    with tarfile.open(archive, "w") as packed:
        packed.add(imm / PHOTO, arcname="set/photo.jpg")
    stages.refuse("fetch", "imm", "no .asf file below it", archive.name, "`mirror:`")


@pytest.mark.parametrize(
    ("item", "settings", "message"),
    [
        ("imn", {}, "data set must be one of ibug, imm, kaggle15; got 'imn'"),
        ("imm", {"source": "drawn"}, "source must be one of rendered, public; got 'drawn'"),
        ("imm", {"datasets.imm.url": "x"}, "datasets.imm.url is not a setting; did you mean urls?"),
        ("ibug", {"datasets.ibug.test_list": "own"}, "datasets.ibug.test_list must be one of"),
        (
            "imm",
            {"datasets.imm.urls": ["https://user:secret@example.com/faces.zip"]},
            "datasets.imm.urls.0 must contain no user name and no password",
        ),
        ("imm", {"mirror": "http://user:secret@host"}, "mirror must contain no user name"),
        ("imm", {"mirror": "no/folder"}, "mirror: there is no folder 'no/folder'"),
    ],
)
def test_wrong_settings_stop_the_fetch(
    stages: Stages, item: str, settings: dict[str, object], message: str
) -> None:
    stages.set_params(settings)
    found = stages.run("fetch", item)
    assert message in found
    assert "secret" not in found


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"tasks.nose.dataset": "imn"},
            "tasks.nose.dataset must be one of ibug, imm, kaggle15; got 'imn'",
        ),
        (
            {"tasks.nose.box_scale": 1.3},
            "tasks.nose.box_scale must be null for data set imm, whose faces have no boxes; got",
        ),
        (
            {"tasks.nose.symmetric_labels": True},
            "tasks.nose.symmetric_labels must be false for data set imm, whose labels have no",
        ),
        ({"datasets.imm.val_fraction": 0.6}, "datasets.imm.val_fraction should be less than"),
    ],
)
def test_wrong_settings_stop_prepare(
    stages: Stages, settings: dict[str, object], message: str
) -> None:
    stages.set_params(settings)
    assert message in stages.run("prepare", "nose")


def test_a_split_without_validation_faces_is_refused(stages: Stages, imm: Path) -> None:
    shutil.copytree(imm, "data/raw/imm")
    stages.set_params({"datasets.imm.val_fraction": 0.01})
    stages.refuse("prepare", "nose", "datasets.imm.val_fraction divides", "0 for validation")


def test_real_labels_lose_their_offset_and_rendered_ones_have_none(
    stages: Stages, ibug: Path
) -> None:
    stages.pack("ibug", ibug)
    assert stages.run("fetch", "ibug") == ""
    x_shifts = []
    source = Path("data/raw/ibug/source.json")
    for origin in ("public", "rendered"):
        source.write_text(json.dumps(json.loads(source.read_text()) | {"source": origin}))
        maps = []
        for is_symmetric in (True, False):
            stages.set_params({"tasks.wild.symmetric_labels": is_symmetric})
            assert stages.run("prepare", "wild") == ""
            maps.append(np.load("data/crops/wild/maps.npy"))
        x_shifts.append((maps[0] - maps[1])[:, 0, 2])
    mirrored = pd.read_csv("data/crops/wild/faces.csv")["mirrored"] == 1
    assert (x_shifts[0][~mirrored] < 0).all()
    assert (x_shifts[0][mirrored] > 0).all() and mirrored.any()
    assert (x_shifts[1] == 0).all()


def test_prepare_reads_no_other_settings(stages: Stages, rendered_imm: Path) -> None:
    stages.set_params(
        {
            "source": "typo",
            "datasets.imm.urls": 3,
            "datasets.imm.val_fraction": 0.5,
            "datasets.ibug.val_fraction": "typo",
            "tasks.wild.height": "typo",
            "models.nose_net": "typo",
        }
    )
    shutil.copytree(rendered_imm, "data/raw/imm")
    assert stages.run("prepare", "nose") == ""


NEW_DATASET = '''"""A data set of photos with 15 points in .txt files beside them."""

import numpy as np

from keypoints.core.landmarks import KAGGLE_15
from keypoints.faces.dataset import Dataset, PublicDatasetSettings
from keypoints.faces.face import Face


def read(root):
    faces = []
    for path in sorted(root.rglob("*.txt")):
        photo = str(path.with_suffix(".jpg").relative_to(root))
        faces.append(Face(path.stem, photo, path.stem, None, np.loadtxt(path)))
    return faces


DATASET = Dataset("New", KAGGLE_15, PublicDatasetSettings, {"train": 2}, read)
'''


def test_a_data_set_is_one_file_and_a_block_of_settings(
    stages: Stages, imm: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import keypoints.datasets

    package = tmp_path_factory.mktemp("package")
    (package / "new.py").write_text(NEW_DATASET)
    stages.monkeypatch.setattr(
        keypoints.datasets, "__path__", [*keypoints.datasets.__path__, str(package)]
    )
    for path in imm.glob("*.asf"):
        path.with_suffix(".txt").write_text("".join(f"{p} 4\n" for p in range(19)))
    with tarfile.open(stages.mirror / "new.tgz", "w:gz") as packed:
        packed.add(imm, arcname="set")
    block = {"urls": ["http://127.0.0.1:9/new.tgz"], "sha256": None}
    block |= {"max_unpacked_gb": 1, "val_fraction": 0.1}
    task = {"dataset": "new", "points": "all", "height": 48, "width": 64}
    task |= {"colour": False, "margin": 0, "box_scale": None}
    stages.set_params({"source": "rendered", "datasets.new": block, "tasks.new": task})
    assert stages.run("fetch", "new") == ""  # it has no renderer
    assert stages.run("prepare", "new") == ""
    assert Path("data/crops/new/store.json").is_file()


def competition_archive(rendered_ibug: Path, list_name: str = TEST_LIST) -> bytes:
    """Files of the class competition: a test list of two faces in reverse order."""
    test_list = next(rendered_ibug.rglob(TEST_LIST)).read_text(encoding="latin-1")
    head, *images = test_list.split("  <image ")
    text = head + "  <image ".join(["", images[1], images[0]]) + "</images>\n</dataset>\n"
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(f"part_3/{list_name}", text)
        return file.getvalue()


def test_the_test_list_of_ibug_comes_from_the_competition(
    stages: Stages,
    ibug: Path,
    rendered_ibug: Path,
    service: KaggleService,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stages.pack("ibug", ibug)
    stages.set_params({"datasets.ibug.test_list": "kaggle"})
    service.archive = competition_archive(rendered_ibug)
    assert stages.run("fetch", "ibug") == ""
    output = capsys.readouterr().out
    assert "16 training faces (public set: 6,666), 2 test faces (public set: 1,008)" in output
    assert SECRET not in output
    assert service.calls == [
        ("DownloadDataFiles", {"competitionName": CLASS_COMPETITION}),
        ("GET", "http://localhost/storage/files.zip"),  # target of the redirect
    ]
    in_archive = [face.name for face in read_ibug(rendered_ibug) if face.is_test]
    fetched = [face.name for face in read_ibug(Path("data/raw/ibug")) if face.is_test]
    assert fetched == in_archive[1::-1]
    record = json.loads(Path("data/raw/ibug/source.json").read_text())
    assert record[TEST_LIST]["sha256"] == hashlib.sha256(service.archive).hexdigest()
    service.calls.clear()
    assert stages.run("fetch", "ibug") == ""
    assert not service.calls  # a finished download is used again


@pytest.mark.parametrize(
    ("status", "list_name", "reason"),
    [
        (403, TEST_LIST, f"accept its rules at https://www.kaggle.com/c/{CLASS_COMPETITION}/rules"),
        (200, "test.xml", f"contains no {TEST_LIST}, only test.xml"),
    ],
)
def test_a_competition_without_the_test_list_stops_the_fetch(
    stages: Stages,
    ibug: Path,
    rendered_ibug: Path,
    service: KaggleService,
    status: int,
    list_name: str,
    reason: str,
) -> None:
    stages.pack("ibug", ibug)
    stages.set_params({"datasets.ibug.test_list": "kaggle"})
    service.archive = competition_archive(rendered_ibug, list_name)
    if status != 200:
        service.refusals["DownloadDataFiles"] = (status, "You must accept the rules")
    stages.refuse("fetch", "ibug", reason)


def test_without_credentials_the_error_names_the_other_places(
    stages: Stages, ibug: Path, service: KaggleService
) -> None:
    stages.monkeypatch.delenv("KAGGLE_KEY")
    stages.pack("ibug", ibug)
    stages.set_params({"datasets.ibug.test_list": "kaggle"})
    stages.refuse(
        "fetch",
        "ibug",
        "error: no Kaggle credentials were found.",
        f"Or put {CLASS_COMPETITION}.zip into the mirror",
    )
    assert not service.calls


def kaggle15_archive(folder: Path, *added: str) -> bytes:
    """The competition's files as Kaggle packs them: two of them are archives themselves."""
    write_kaggle15(folder, faces=3, test_faces=2, seed=1, workers=1)
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.write(folder / "IdLookupTable.csv", "IdLookupTable.csv")
            for name in ("training", "test"):
                with io.BytesIO() as inner:
                    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as packed:
                        packed.write(folder / f"{name}.csv", f"{name}.csv")
                    archive.writestr(f"{name}.ZIP", inner.getvalue())
            for name in added:
                archive.writestr(name, "added by an operating system")
        return file.getvalue()


def test_kaggle15_comes_from_kaggle_or_from_the_mirror(
    stages: Stages,
    service: KaggleService,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    junk = ("__MACOSX/._test.zip", "._training.csv", "Thumbs.db")
    service.archive = kaggle15_archive(tmp_path_factory.mktemp("rendered"), *junk)
    stages.set_params({"datasets.kaggle15.source": "kaggle"})
    assert stages.run("fetch", "kaggle15") == ""
    printed = capsys.readouterr().out
    assert "3 training faces (public set: 7,049), 2 test faces (public set: 1,783)" in printed
    assert "left out 3 file(s) that other systems add: __MACOSX/._test.zip, ._training" in printed
    assert service.calls[0] == ("DownloadDataFiles", {"competitionName": KAGGLE15_COMPETITION})
    root = Path("data/raw/kaggle15")
    assert all((root / face.photo).is_file() for face in read_kaggle15(root))
    service.calls.clear()
    Path(".downloads", f"{KAGGLE15_COMPETITION}.zip").rename(
        stages.mirror / f"{KAGGLE15_COMPETITION}.zip"
    )
    stages.set_params({"datasets.kaggle15.sha256": "0" * 64})
    found = f"sha256 must be {'0' * 64}; got {hashlib.sha256(service.archive).hexdigest()}"
    assert found in stages.run("fetch", "kaggle15")
    assert not service.calls


@pytest.mark.parametrize("form", ["zipped", "extracted", "below", "UPPER"])
def test_a_read_only_folder_of_kaggles_files_is_a_mirror(
    stages: Stages, tmp_path_factory: pytest.TempPathFactory, form: str
) -> None:
    rendered = tmp_path_factory.mktemp("rendered")
    (rendered / "all.zip").write_bytes(kaggle15_archive(rendered))
    folder = stages.mirror / KAGGLE15_COMPETITION if form == "below" else stages.mirror
    folder.mkdir(exist_ok=True)
    shutil.copy(rendered / "IdLookupTable.csv", folder)
    for name in ("training", "test"):
        if form == "extracted":
            shutil.copy(rendered / f"{name}.csv", folder)
        else:
            file = "TRAINING.CSV.ZIP" if (form, name) == ("UPPER", "training") else f"{name}.zip"
            with zipfile.ZipFile(folder / file, "w", zipfile.ZIP_DEFLATED) as packed:
                packed.write(rendered / f"{name}.csv", f"{name}.csv")
        if form == "extracted":  # as some programs unpack a zip of one file
            (folder / f"{name}.csv").rename(folder / "file")
            (folder / f"{name}.csv").mkdir()
            (folder / "file").rename(folder / f"{name}.csv/{name}.csv")
    for path in (*folder.rglob("*"), folder):
        path.chmod(path.stat().st_mode & ~0o222)
    stages.set_params({"datasets.kaggle15.source": "kaggle"})
    assert stages.run("fetch", "kaggle15") == ""
    root = Path("data/raw/kaggle15")
    assert len(read_kaggle15(root)) == 5
    assert json.loads((root / "source.json").read_text())["file"] == folder.name
    folder.chmod(0o755)
    lookup = folder / "IdLookupTable.csv"
    lookup.chmod(0o644)
    lookup.write_text(lookup.read_text().replace("1,1,", "1,9,", 1))
    assert f"This comes from the folder {folder.relative_to(stages.folder)}" in stages.run(
        "fetch", "kaggle15"
    )
    lookup.unlink()
    assert f"{folder.name}: contains no IdLookupTable.csv" in stages.run("fetch", "kaggle15")


def test_files_of_the_pipeline_in_an_archive_have_no_effect(
    stages: Stages, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    content = kaggle15_archive(tmp_path_factory.mktemp("rendered"))
    archive = stages.mirror / f"{KAGGLE15_COMPETITION}.zip"
    archive.write_bytes(content)
    stages.set_params({"datasets.kaggle15.source": "kaggle"})
    assert stages.run("fetch", "kaggle15") == ""
    root = Path("data/raw/kaggle15")
    names = {path.name for path in root.iterdir()}
    duplicates = (root / "duplicates.json").read_text()
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr("duplicates.json", '{"training/00001": "training/00002"}')
        packed.writestr("excluded.txt", "training/00001\n")
        packed.writestr("source.json", "[]")
        packed.writestr("photos/training/00001.png", b"other")
    assert stages.run("fetch", "kaggle15") == ""
    assert "left out 4 file(s) that this project writes itself: " in capsys.readouterr().out
    assert {path.name for path in root.iterdir()} == names
    assert (root / "duplicates.json").read_text() == duplicates
    assert len(read_kaggle15(root)) == 5


def test_nested_archives_have_the_same_size_limit(stages: Stages) -> None:
    with io.BytesIO() as inner:
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("training.csv", b"0" * 2_000_000)
        nested = inner.getvalue()
    with zipfile.ZipFile(stages.mirror / f"{KAGGLE15_COMPETITION}.zip", "w") as archive:
        archive.writestr("training.zip", nested)
    settings = {"source": "kaggle", "max_unpacked_gb": 0.001}
    stages.set_params({f"datasets.kaggle15.{key}": value for key, value in settings.items()})
    stages.refuse("fetch", "kaggle15", "training.zip: unpacks to more than 1,000,000 bytes")
