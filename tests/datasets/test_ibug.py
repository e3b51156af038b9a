"""The reader of 300-W / iBUG, on hand-written and on rendered lists."""

import re
import shutil
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from keypoints.datasets.ibug import read_ibug, write_duplicates
from keypoints.faces.face import FormatError
from keypoints.faces.faults import FaultyFacesError

TRAIN, TEST = "labels_ibug_300W_train.xml", "labels_ibug_300W_test.xml"
PARSED = "labels_ibug_300W_test_parsed.xml"
BOX = "top='-9' left='98' width='216' height='217'"


def image(file: str, *, box: str = BOX, n_points: int = 68) -> str:
    """An entry whose point p is at (100 + p, 3 p)."""
    parts = [f"<part name='{p:02d}' x='{100 + p}' y='{3 * p}'/>" for p in range(n_points)]
    return f"<image file='{file}'>\n<box {box}>\n" + "\n".join(parts) + "\n</box>\n</image>"


def dlib_list(images: Sequence[str]) -> str:
    return (
        "<?xml version='1.0' encoding='ISO-8859-1'?>\n"
        "<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>\n"
        "<dataset>\n<name>iBUG face point dataset</name>\n<images>\n"
        + "\n".join(images)
        + "\n</images>\n</dataset>\n"
    )


def write(folder: Path, train: str, **lists: str) -> Path:
    """Write a training list and test lists; by default a test list of one face."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRAIN).write_text(train, encoding="latin-1", newline="")
    for name, text in (lists or {"test": dlib_list([image("helen/testset/9_1.jpg")])}).items():
        file = PARSED if name == "parsed" else TEST
        (folder / file).write_text(text, encoding="latin-1", newline="")
    return folder


def test_face_has_its_points_box_and_photo(tmp_path: Path):
    write(tmp_path / "any name", dlib_list([image("afw/1_2_mirror.jpg")]))
    face = read_ibug(tmp_path)[0]
    assert (face.name, face.group) == ("afw/1_2_mirror", "afw/1")
    assert face.photo == "any name/afw/1_2_mirror.jpg"
    assert face.box == (98, -9, 314, 208)  # left, top, left + width, top + height
    assert face.landmarks_photo is not None
    np.testing.assert_array_equal(
        face.landmarks_photo[[0, 7, 67]], [(100, 0), (107, 21), (167, 201)]
    )
    assert not face.is_test
    assert face.is_mirrored


def test_points_are_read_by_their_names_and_not_by_their_order(tmp_path: Path):
    shuffled = image("afw/1_1.jpg").split("\n")
    shuffled[2], shuffled[40] = shuffled[40], shuffled[2]
    write(tmp_path, dlib_list(["\n".join(shuffled)]))
    landmarks_photo = read_ibug(tmp_path)[0].landmarks_photo
    assert landmarks_photo is not None
    np.testing.assert_array_equal(landmarks_photo[:, 0], np.arange(100, 168))


def test_set_is_found_under_any_folder_and_at_the_top(tmp_path: Path):
    write(tmp_path / "deep" / "in it", dlib_list([image("afw/1_1.jpg")]))
    assert read_ibug(tmp_path)[0].photo == "deep/in it/afw/1_1.jpg"
    assert read_ibug(tmp_path / "deep" / "in it")[0].photo == "afw/1_1.jpg"


def test_training_faces_come_in_the_order_of_their_names(tmp_path: Path):
    files = ["lfpw/2.png", "afw/1_2.jpg", "helen/3_1.jpg", "afw/1_1.jpg"]
    write(tmp_path, dlib_list([image(file) for file in files]))
    names = [face.name for face in read_ibug(tmp_path) if not face.is_test]
    assert names == ["afw/1_1", "afw/1_2", "helen/3_1", "lfpw/2"]


def test_test_faces_keep_the_order_of_their_list_and_come_last(tmp_path: Path):
    files = ["lfpw/testset/5.png", "helen/testset/9_1.jpg", "lfpw/testset/1.png"]
    test = dlib_list([image(file) for file in files])
    write(tmp_path, dlib_list([image("z/1_1.jpg")]), test=test)
    faces = read_ibug(tmp_path)
    assert [face.photo for face in faces] == ["z/1_1.jpg", *files]
    assert [face.is_test for face in faces] == [False, True, True, True]


def test_list_of_the_competition_is_preferred(tmp_path: Path):
    parsed = dlib_list([f"<image file='b.jpg'><box {BOX}/></image>"])
    train = dlib_list([image("afw/1_1.jpg")])
    write(tmp_path, train, parsed=parsed, test=dlib_list([image("a.jpg"), image("b.jpg")]))
    assert [face.name for face in read_ibug(tmp_path) if face.is_test] == ["b"]


def test_full_test_list_is_accepted(tmp_path: Path):
    train = dlib_list([image("afw/1_1.jpg")])
    write(tmp_path, train, test=dlib_list([image("a.jpg"), image("b.jpg")]))
    assert [face.name for face in read_ibug(tmp_path) if face.is_test] == ["a", "b"]


@pytest.mark.parametrize("name", ["parsed", "test"])
def test_test_faces_have_no_landmarks(tmp_path: Path, name: str):
    write(tmp_path, dlib_list([image("afw/1_1.jpg")]), **{name: dlib_list([image("a.jpg")])})
    test_face = read_ibug(tmp_path)[-1]
    assert test_face.is_test
    assert test_face.landmarks_photo is None
    assert test_face.box == (98, -9, 314, 208)


def test_windows_line_ends_are_accepted(tmp_path: Path):
    write(tmp_path, dlib_list([image("afw/1_1.jpg")]).replace("\n", "\r\n"))
    assert read_ibug(tmp_path)[0].name == "afw/1_1"


def test_backslashes_and_upper_case_are_those_of_another_system(tmp_path: Path):
    (tmp_path / "afw").mkdir()
    (tmp_path / "afw/1_1.JPG").touch()
    write(tmp_path, dlib_list([image(".\\afw\\1_1.jpg")]))
    face = read_ibug(tmp_path)[0]
    assert (face.name, face.group, face.photo) == ("afw/1_1", "afw/1", "afw/1_1.JPG")


@pytest.mark.parametrize("mark", ["1", "true", "TRUE"])
def test_box_to_ignore_is_no_training_face(tmp_path: Path, mark: str):
    ignored = f"<box {BOX} ignore='{mark}'/></image>"
    two_boxes = image("a.jpg").replace("</image>", ignored)
    none = image("b.jpg", box=f"{BOX} ignore='{mark}'")
    write(tmp_path, dlib_list([two_boxes, none]))
    faces = read_ibug(tmp_path)
    assert [face.name for face in faces if not face.is_test] == ["a"]
    assert [entry.name for entry in faces.left_out] == ["b"]
    write(tmp_path, dlib_list([two_boxes]), test=dlib_list([none]))
    with pytest.raises(FormatError, match=r"b\.jpg: 0 boxes; each photo should have one"):
        read_ibug(tmp_path)


def test_all_faulty_entries_are_named_together(tmp_path: Path):
    write(
        tmp_path,
        dlib_list([image("1.jpg", n_points=67), image("2.jpg"), image("3.jpg", n_points=66)]),
        test=dlib_list([image("4.jpg").replace("box", "face")]),
    )
    with pytest.raises(FaultyFacesError) as caught:
        read_ibug(tmp_path)
    assert [fault.name for fault in caught.value.faults] == ["1", "3", "4"]
    assert [face.name for face in caught.value.faces] == ["2"]


@pytest.mark.parametrize(
    ("text", "instead", "rule"),
    [
        ("</dataset>", "", "not well-formed XML"),
        (" left='98'", "", "box left should be a number, up to 1,000,000 px; got ''"),
        (" x='120'", "", "part x should be a number, up to 1,000,000 px; got ''"),
        (" x='120'", " x='120,5'", "got '120,5', which has a decimal comma"),
        ("name='00'", "name='0'", "68 points where the iBUG scheme has 68, named 00 to 67; one is"),
        ("x='120'", "x='1_20'", "should be a number, up to 1,000,000 px; got '1_20'"),
        ("x='120'", "x='nan'", "should be a number, up to 1,000,000 px; got 'nan'"),
        ("y='60'", "y='6,0'", "should be a number, up to 1,000,000 px; got '6,0'"),
        ("top='-9'", "top='inf'", "should be a number, up to 1,000,000 px; got 'inf'"),
        ("width='216'", "width='1e300'", "up to 1,000,000 px; got '1e300'"),
        ("width='216'", "width='0'", "a box of 0 x 217 px"),
        ("height='217'", "height='-1'", "a box of 216 x -1 px"),
        ("</image>", f"<box {BOX}/></image>", "2 boxes; each photo should have one"),
        ("box", "face", "0 boxes; each photo should have one"),
        ("<part name='67' x='167' y='201'/>", "", "67 points where the iBUG scheme has 68"),
        ("name='67'", "name='68'", "named 00 to 67"),
        ("name='67'", "name='66'", "named 00 to 67"),
        ("file='afw/1_1.jpg'", "", "should be below the list; got ''"),
        ("afw/", "../afw/", "should be below the list; got '../afw/1_1.jpg'"),
        ("afw/", "/afw/", "should be below the list; got '/afw/1_1.jpg'"),
        ("afw/1_1", "C:\\photo", "should be below the list"),
        ("afw/", "..\\", "should be below the list"),
        ("afw/1_1.jpg", ".", "should be below the list; got '.'"),
        ("afw/1_1.jpg", "./0.jpg", "0 is listed twice"),
    ],
)
def test_broken_list_is_refused_by_name_and_rule(
    tmp_path: Path, text: str, instead: str, rule: str
):
    valid = dlib_list([image("0.jpg"), image("afw/1_1.jpg")])
    assert text in valid
    write(tmp_path, valid.replace(text, instead))
    with pytest.raises(FormatError) as caught:
        read_ibug(tmp_path)
    assert rule in str(caught.value)
    assert str(tmp_path / TRAIN) in str(caught.value)


@pytest.mark.parametrize("name", ["train", "test"])
def test_photo_that_is_listed_twice_is_refused(tmp_path: Path, name: str):
    once, twice = dlib_list([image("afw/1_1.jpg")]), dlib_list([image("afw/2_1.jpg")] * 2)
    write(tmp_path, twice if name == "train" else once, test=twice if name == "test" else once)
    with pytest.raises(FormatError, match="afw/2_1 is listed twice"):
        read_ibug(tmp_path)


def test_memory_of_a_longer_list_grows_by_little_more_than_the_names(tmp_path: Path):
    peaks = []
    for n_faces in (100, 600):
        folder = write(
            tmp_path / str(n_faces), dlib_list([image(f"{n}.jpg") for n in range(n_faces)])
        )
        tracemalloc.start()
        faces = read_ibug(folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(faces) == n_faces + 1
    assert (peaks[1] - peaks[0]) / 500 < 200  # bytes; the landmarks alone are 1,088


def test_problem_of_a_face_names_its_photo(tmp_path: Path):
    entries = [image("afw/1_1.jpg"), image("afw/2_1.jpg", n_points=67), image("afw/3_1.jpg")]
    write(tmp_path, dlib_list(entries))
    with pytest.raises(FormatError, match=r"afw/2_1\.jpg: 67 points"):
        read_ibug(tmp_path)


def test_list_without_faces_is_refused(tmp_path: Path):
    write(tmp_path, dlib_list([]))
    with pytest.raises(FormatError, match=TRAIN):
        read_ibug(tmp_path)


@pytest.mark.parametrize("file", [TRAIN, TEST])
def test_missing_list_is_named(tmp_path: Path, file: str):
    (write(tmp_path, dlib_list([image("afw/1_1.jpg")])) / file).unlink()
    with pytest.raises(FormatError, match=f"no .*{file}"):
        read_ibug(tmp_path)


def test_copies_of_photos_and_series_of_helen_are_one_group(rendered_ibug: Path, tmp_path: Path):
    shutil.copytree(rendered_ibug, tmp_path / "set")
    path = next((tmp_path / "set").rglob(TRAIN))
    text = path.read_text(encoding="latin-1")
    entry = re.search(r"<image file='(lfpw[^']*)'.*?</image>", text, re.DOTALL)
    assert entry is not None
    copied = entry[0].replace(entry[1], "lfpw/testset/image_0900.jpg")
    shutil.copy(path.parent / entry[1], path.parent / "lfpw/testset/image_0900.jpg")
    path.write_text(text.replace(entry[0], entry[0] + "\n" + copied), encoding="latin-1")
    write_duplicates(tmp_path / "set")
    groups = {face.name: face.group for face in read_ibug(tmp_path / "set")}
    original = entry[1].removesuffix(".jpg")
    assert groups["lfpw/testset/image_0900"] == groups[original]
    others = {name: group for name, group in groups.items() if name != "lfpw/testset/image_0900"}
    before = {face.name: face.group for face in read_ibug(rendered_ibug)}
    assert sum(before[name] != group for name, group in others.items()) <= 2  # original and twin


def test_rendered_set_is_read(rendered_ibug: Path):
    faces = read_ibug(rendered_ibug)
    assert [face.is_test for face in faces] == [False] * 16 + [True] * 3
    assert all((rendered_ibug / face.photo).is_file() for face in faces)
    assert all(face.landmarks_photo is not None for face in faces[:16])
    assert sum(face.name.endswith("_mirror") for face in faces) == 2
