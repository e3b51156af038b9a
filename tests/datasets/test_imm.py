"""The reader of IMM's .asf files, on hand-written and on rendered files."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from keypoints.datasets.imm import read_asf, read_imm
from keypoints.faces.face import FormatError
from keypoints.faces.face_list import write_excluded
from keypoints.faces.faults import FaultyFacesError
from keypoints.faces.images import read_photo

SIZE = (48, 64)  # height and width of the photos here, not square
X, Y = np.arange(58) / 64, np.arange(58) / 116
ON_A_LINE = np.stack([X, Y], axis=1)


def asf(
    *, count: str = "58", host: str = "07-3m.jpg", columns: int = 7, points: np.ndarray = ON_A_LINE
) -> str:
    """A shape file like the public ones; point p is at (p / 64, p / 116) unless given."""
    rest = "\t0.00\t0.00\t0.00" * (columns == 10)
    rows = [
        f"0 \t4 \t{x:.8f} \t{y:.8f} \t{point} \t{max(point - 1, 0)} \t{point + 1}{rest}"
        for point, (x, y) in enumerate(points)
    ]
    return "\n".join(
        ["#####", "#", "# AAM Shape File", "#", "", "# number of model points", count, ""]
        + ["# model points", "# format: <path#> <type> <x rel.> <y rel.> ...", *rows]
        + ["", "# host image", host, ""]
    )


def write(folder: Path, text: str, *, has_photo: bool = True) -> Path:
    """Write 07-3m.asf and its photo."""
    folder.mkdir(parents=True, exist_ok=True)
    if has_photo:
        assert cv2.imwrite(str(folder / "07-3m.jpg"), np.zeros(SIZE, np.uint8))
    path = folder / "07-3m.asf"
    path.write_text(text, encoding="latin-1", newline="")
    return path


@pytest.mark.parametrize("columns", [7, 10])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r\r\n", "\r"])
def test_both_column_counts_and_line_ends_are_read(tmp_path: Path, columns: int, line_end: str):
    path = write(tmp_path, asf(columns=columns).replace("\n", line_end))
    points, host = read_asf(path)
    assert host == "07-3m.jpg"
    assert points.shape == (58, 2)
    np.testing.assert_allclose(points, np.stack([X, Y], axis=1), atol=1e-8)


def test_comment_in_another_alphabet_does_not_matter(tmp_path: Path):
    points, _ = read_asf(write(tmp_path, "# Lyngby, Danmark: \xe6\xf8\xe5\n" + asf()))
    assert len(points) == 58


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, encoding: str):
    path = write(tmp_path, "")
    path.write_bytes(asf().removeprefix("#####\n#\n# AAM Shape File\n#\n\n").encode(encoding))
    assert len(read_asf(path)[0]) == 58


def test_upper_and_lower_case_are_the_same_name(tmp_path: Path):
    write(tmp_path, asf()).rename(tmp_path / "07-3M.ASF")
    (tmp_path / "07-3m.jpg").rename(tmp_path / "07-3M.JPG")
    (tmp_path / "._07-3M.ASF").touch()
    (face,) = read_imm(tmp_path)
    assert (face.name, face.photo) == ("07-3m", "07-3M.JPG")


def test_points_become_pixels_of_a_photo_that_is_not_square(tmp_path: Path):
    write(tmp_path / "any name", asf())
    (face,) = read_imm(tmp_path)
    assert face.landmarks_photo is not None
    np.testing.assert_allclose(face.landmarks_photo[:, 0], np.arange(58), atol=1e-5)  # p / 64 x 64
    np.testing.assert_allclose(face.landmarks_photo[29], (29, 12), atol=1e-5)  # 29 / 116 x 48


def test_face_has_person_view_and_photo(tmp_path: Path):
    write(tmp_path / "any name", asf())
    (face,) = read_imm(tmp_path)
    assert (face.name, face.group, face.view) == ("07-3m", "07", 3)
    assert face.photo == "any name/07-3m.jpg"
    assert face.box is None
    assert not face.is_test


@pytest.mark.parametrize(
    ("text", "instead", "rule"),
    [
        ("\t57 \t56", "#", "should have 7 or 10 columns"),
        ("0.5", "0,5", "which has decimal commas"),
        ("07-3m.jpg", "C:\\imm\\07-3m.jpg", "should name a photo beside it"),
        ("\n58\n", "\n57\n", "57 points where the IMM scheme has 58"),
        ("\n58\n", "\n58.0\n", "number of points"),
        ("\n58\n", "\n-58\n", "number of points"),
        ("\n58\n", "\n5\xb2\n", "number of points"),  # a digit to str.isdigit, but not to int
        ("\n58\n", "\n", "number of points"),
        ("\n58\n", f"\n{'9' * 5000}\n", "number of points"),
        ("# host image", "0 \t4 \t0.5 \t0.5 \t0 \t0 \t1", "59 points where the IMM scheme has 58"),
        ("# AAM Shape File", "#" * (1 << 20), "more than 1,048,576 bytes"),
        ("0.31250000", "0.3_1", "should be numbers"),
        ("0.31250000", "nan", "should be numbers"),
        ("0.31250000", "inf", "should be numbers"),
        ("0.31250000", "-0.1", "should be in 0..1"),
        ("0.31250000", "1.00000001", "should be in 0..1"),
        ("0.31250000", "0,31250000", "should be numbers"),
        ("07-3m.jpg", "", "points"),
        ("07-3m.jpg", "../07-3m.jpg", "a photo beside it"),
        ("07-3m.jpg", "/07-3m.jpg", "a photo beside it"),
        ("07-3m.jpg", "\0.jpg", "a photo beside it"),
        ("07-3m.jpg", "..", "cannot be read (Is a directory)"),
        ("07-3m.jpg", "07-3f.jpg", "07-3f.jpg: missing"),
    ],
)
def test_broken_file_is_refused_by_name_and_rule(
    tmp_path: Path, text: str, instead: str, rule: str
):
    assert text in asf()
    write(tmp_path, asf().replace(text, instead, 1))
    with pytest.raises(FormatError) as caught:
        read_imm(tmp_path)
    assert rule in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("n_lines", [0, 7, 30])
def test_file_that_is_cut_short_is_refused_by_name(tmp_path: Path, n_lines: int):
    write(tmp_path, "\n".join(asf().split("\n")[:n_lines]))
    with pytest.raises(FormatError, match=r"07-3m\.asf: .*points"):
        read_imm(tmp_path)


def test_missing_point_is_counted(tmp_path: Path):
    lines = asf().split("\n")
    del lines[30]
    write(tmp_path, "\n".join(lines))
    with pytest.raises(FormatError, match=r"07-3m\.asf: 57 points where the IMM scheme has 58"):
        read_imm(tmp_path)


def test_missing_photo_is_named(tmp_path: Path):
    write(tmp_path, asf(), has_photo=False)
    with pytest.raises(FormatError, match=r"07-3m\.jpg: missing"):
        read_imm(tmp_path)


@pytest.mark.parametrize("suffix", ["", ".asf.txt"])
def test_photo_without_a_shape_file_is_named_and_may_be_excluded(tmp_path: Path, suffix: str):
    write(tmp_path, asf())
    (tmp_path / "07-4m.jpg").write_bytes((tmp_path / "07-3m.jpg").read_bytes())
    if suffix:
        (tmp_path / f"07-4m{suffix}").write_text(asf(host="07-4m.jpg"))
    with pytest.raises(FaultyFacesError, match=r"07-4m\.jpg: no shape file 07-4m\.asf") as caught:
        read_imm(tmp_path)
    assert [fault.name for fault in caught.value.faults] == ["07-4m"]
    write_excluded(tmp_path, ["07-4m"])
    assert [face.name for face in read_imm(tmp_path)] == ["07-3m"]


def test_photo_that_is_text_is_named(tmp_path: Path):
    write(tmp_path, asf(), has_photo=False)
    (tmp_path / "07-3m.jpg").write_text("not a photo")
    with pytest.raises(FormatError, match=r"07-3m\.jpg: not a photo"):
        read_imm(tmp_path)


@pytest.mark.parametrize("name", ["7-3m", "07-7m", "07-3x", "07-3m (copy)", "face"])
def test_other_file_name_is_refused(tmp_path: Path, name: str):
    write(tmp_path, asf()).rename(tmp_path / f"{name}.asf")
    with pytest.raises(FormatError, match="the name should be PERSON-VIEW"):
        read_imm(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path):
    write(tmp_path / "one", asf())
    write(tmp_path / "other", asf())
    with pytest.raises(FormatError, match="07-3m is listed twice"):
        read_imm(tmp_path)


def test_folder_without_faces_is_refused(tmp_path: Path):
    with pytest.raises(FormatError, match=r"no \.asf file below it"):
        read_imm(tmp_path)


def test_rendered_set_is_read_in_the_order_of_its_names(rendered_imm: Path):
    faces = read_imm(rendered_imm)
    assert [(face.group, face.view) for face in faces] == [
        (person, view) for person in ("01", "02") for view in range(1, 7)
    ]
    for face in faces:
        height, width = read_photo(rendered_imm / face.photo, colour=False).shape
        assert face.landmarks_photo is not None
        assert (face.landmarks_photo <= (width, height)).all()


def almond(*, left: float, right: float) -> np.ndarray:
    """Eight points around an eye in px, from the corner `left` over its upper lid, (8, 2)."""
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    x = (left + right) / 2 - (right - left) / 2 * np.cos(turn)
    return np.stack([x, 20 - 3 * np.sin(turn)], axis=1)


@pytest.mark.parametrize("turned", [(), (13,), (21,), (13, 21)], ids=str)
def test_an_eye_annotated_from_its_inner_corner_is_renumbered(
    tmp_path: Path, turned: tuple[int, ...]
):
    outer_first = {13: almond(left=50, right=38), 21: almond(left=10, right=22)}
    inner_first = {13: almond(left=38, right=50), 21: almond(left=22, right=10)}
    landmarks = np.stack([X * 64, Y * 48], axis=1)
    in_file = landmarks.copy()
    for first, eye in outer_first.items():
        landmarks[first : first + 8] = eye
        in_file[first : first + 8] = inner_first[first] if first in turned else eye
    write(tmp_path, asf(points=in_file / (64, 48)))
    (face,) = read_imm(tmp_path)
    np.testing.assert_allclose(face.landmarks_photo, landmarks, atol=1e-5)
