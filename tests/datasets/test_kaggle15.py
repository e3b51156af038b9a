"""The reader of facial-keypoints-detection, on hand-written and on rendered CSVs."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from keypoints.core.landmarks import KAGGLE_15
from keypoints.core.lookup_table import LOOKUP_TABLE
from keypoints.datasets.kaggle15 import HEADERS, convert_files, read_kaggle15, write_photos
from keypoints.faces.face import Face, FormatError
from keypoints.faces.face_list import write_excluded
from keypoints.faces.faults import FaultyFacesError
from keypoints.rendered.writers import write_kaggle15

LOOKUP_HEADER = "RowId,ImageId,FeatureName,Location\n"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kaggle15")
    write_kaggle15(folder, faces=12, test_faces=5, seed=1, workers=1)
    write_photos(folder)
    return folder


def image(brightness: int = 7) -> str:
    return " ".join([str(brightness)] * 96 * 96)


def write(folder: Path, rows: list[list[str]], test: list[list[str]] | None = None) -> Path:
    """Write training.csv, test.csv and a lookup table; by default one test image."""
    (folder / LOOKUP_TABLE).write_text(f"{LOOKUP_HEADER}1,1,nose_tip_x,\n")
    for name, lines in (("training", rows), ("test", test or [["1", image()]])):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([HEADERS[name], *lines])
    return folder


def coordinates(**others: str) -> list[str]:
    """Columns of a face whose point p is at (p, 2 p); `c3='...'` changes a column."""
    texts = [str(value) for p in range(15) for value in (p, 2 * p)]
    for name, text in others.items():
        texts[int(name[1:])] = text
    return texts


def test_a_point_with_an_empty_column_is_unknown(tmp_path: Path):
    first, second, test = read_kaggle15(
        write(tmp_path, [[*coordinates(), image()], [*coordinates(c6="", c29=""), image(8)]])
    )
    assert first.landmarks_photo is not None and second.landmarks_photo is not None
    assert first.landmarks_photo[:15].tolist() == [[p, 2 * p] for p in range(15)]
    unknown = np.isnan(second.landmarks_photo).all(axis=1)
    assert np.flatnonzero(unknown).tolist() == [3, 14, 15, 16, 17, 18]  # x of one, y of the other
    assert (first.box, first.photo) == (None, "photos/training/00001.png")
    assert (test.is_test, test.landmarks_photo, test.name) == (True, None, "test/00001")


def test_images_are_written_without_a_change(tmp_path: Path):
    text = " ".join(str(k % 256) for k in range(96 * 96))
    root = write(tmp_path, [[*coordinates(), text]])
    write_photos(root)
    photo = cv2.imread(str(root / read_kaggle15(root)[0].photo), cv2.IMREAD_UNCHANGED)
    assert photo is not None
    np.testing.assert_array_equal(photo.ravel(), np.arange(96 * 96) % 256)
    assert photo.shape == (96, 96)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (
            [*coordinates(c4="left"), image()],
            "training.csv: line 3: left_eye_inner_corner_x should be a number; got 'left'",
        ),
        ([*coordinates(c4="inf"), image()], "_corner_x should be a number; got 'inf'"),
        ([*coordinates(c4="4,5"), image()], "got '4,5', which has a decimal comma"),
        ([*coordinates(), image(), "1"], "training.csv: line 3: 32 columns; there should be 31"),
        ([*coordinates(), image() + " 7"], "line 3: an image should have 9216 numbers from 0 to"),
        ([*coordinates(), image(256)], "line 3: an image should have 9216 numbers from 0 to 255"),
        ([*coordinates(), image() + "e-1"], "a pixel should be an integer; got '7e-1'"),
        ([*coordinates(), image() + ",0"], "a pixel should be a number; got '7,0', which has a d"),
        ([*coordinates(), image() + "_0"], "a pixel should be a number; got '7_0'"),
        ([*coordinates(), "7 x"], "training.csv: line 3: "),
        ([*[""] * 30, image()], "training.csv: line 3: no point is known"),
        ([*["1", ""] * 15, image()], "training.csv: line 3: no point is known"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: list[str], rule: str):
    root = write(tmp_path, [[*coordinates(), image()], row])
    with pytest.raises(FormatError) as caught:
        read_kaggle15(root)
        write_photos(root)
    assert rule in str(caught.value)


def test_other_columns_or_image_ids_and_missing_files_are_refused(tmp_path: Path):
    root = write(tmp_path, [[*coordinates(), image()]], test=[["2", image()]])
    with pytest.raises(FormatError, match=r"test\.csv: line 2: ImageId should be 1; got '2'"):
        write_photos(root)
    (root / "training.csv").write_text("left_eye_center_x,Image\n")
    with pytest.raises(FormatError, match=r"training\.csv: the first line .* got 'Image'"):
        read_kaggle15(root)
    (root / "training.csv").unlink()
    with pytest.raises(FormatError, match=r"no training\.csv below it"):
        read_kaggle15(root)


def test_rendered_set_has_complete_and_incomplete_faces_inside_their_images(rendered: Path):
    faces = read_kaggle15(rendered)
    train = [face.landmarks_photo for face in faces if face.landmarks_photo is not None]
    assert (len(train), len(faces)) == (12, 17)
    known = np.array([~np.isnan(points).any(axis=1) for points in train])
    is_full = known[:, :15].all(axis=1)
    assert 0 < is_full.sum() < 12
    assert (known[:, 15:].all(axis=1) != is_full).all()
    assert (known.sum(axis=1) == np.where(is_full, 15, 4)).all()
    points = np.concatenate(train)
    assert np.nanmin(points) >= 0 and np.nanmax(points) <= 95


def test_points_of_rendered_faces_are_on_their_sides(rendered: Path):
    for face in read_kaggle15(rendered):
        points = face.landmarks_photo
        if points is None:
            continue
        for left, right in KAGGLE_15.flip_pairs:  # in the image
            assert not points[left, 0] >= points[right, 0]
        if np.isnan(points[0]).any():
            continue
        brows, eyes, mouth = (
            np.nanmean(points[list(KAGGLE_15.parts[part]), 1])
            for part in ("brows", "eyes", "mouth")
        )
        assert brows < eyes < points[KAGGLE_15.nose_tip, 1] < mouth


def test_a_face_with_four_points_has_points_of_its_own(tmp_path: Path):
    four = {f"c{column}": "" for column in range(30) if column // 2 not in (0, 1, 10, 14)}
    face, *_ = read_kaggle15(write(tmp_path, [[*coordinates(**four), image()]]))
    assert face.landmarks_photo is not None
    assert np.isnan(face.landmarks_photo[:15]).all()
    assert face.landmarks_photo[15:].tolist() == [[0, 0], [1, 2], [10, 20], [14, 28]]


def test_crops_of_one_photo_or_its_mirror_image_are_one_group(tmp_path: Path, rendered: Path):
    """The copies have other labels and lie elsewhere in their images."""
    face = next(f for f in read_kaggle15(rendered) if f.landmarks_photo is not None)
    pixels = cv2.imread(str(rendered / face.photo), cv2.IMREAD_GRAYSCALE)
    moved = np.roll(pixels, 3, axis=1)
    images = [pixels, moved, moved[:, ::-1], np.random.default_rng(1).permutation(pixels)]
    (left, y0), (right, y1) = _eyes(face)
    places = [
        {"c0": left, "c1": y0, "c2": right, "c3": y1},
        {"c0": left + 3, "c1": y0, "c2": right + 3, "c3": y1},
        {"c0": 95 - right - 3, "c1": y1, "c2": 95 - left - 3, "c3": y0},
        {},
    ]
    rows = [
        [*coordinates(**{key: str(value) for key, value in place.items()}), _text(pixels)]
        for place, pixels in zip(places, images, strict=True)
    ]
    convert_files(write(tmp_path, rows))
    groups = [face.group for face in read_kaggle15(tmp_path)]
    assert groups[:3] == ["training/00001"] * 3
    assert groups[3] == "training/00004"


def _eyes(face: Face) -> np.ndarray:
    assert face.landmarks_photo is not None
    pairs = [face.landmarks_photo[list(kind.eyes)] for kind in KAGGLE_15.kinds.values()]
    return next(pair for pair in pairs if np.isfinite(pair).all())[::-1]


def _text(pixels: np.ndarray) -> str:
    return " ".join(map(str, pixels.ravel().tolist()))


def test_faces_with_the_same_pixels_are_one_group(tmp_path: Path):
    root = write(tmp_path, [[*coordinates(), image(k)] for k in (1, 2, 1)])
    first, second, third, _ = read_kaggle15(root)
    assert first.group == third.group == "training/00001"
    assert second.group == "training/00002"


def test_pixels_in_another_notation_are_the_same_image(tmp_path: Path):
    other = image().replace("7", "7.0", 1).replace(" 7", "  0.7e1", 1)
    root = write(tmp_path, [[*coordinates(), image()], [*coordinates(c0="0e0"), other]])
    write_photos(root)
    first, second, _ = read_kaggle15(root)
    assert first.group == second.group
    np.testing.assert_array_equal(first.landmarks_photo, second.landmarks_photo)
    one, two = ((root / face.photo).read_bytes() for face in (first, second))
    assert one == two


def test_all_faulty_rows_are_named_together(tmp_path: Path):
    good, rows = [*coordinates(), image()], []
    for number in range(12):
        rows += [good, [*coordinates(), image(256 + number)], [*coordinates(c0="x"), image()]]
    root = write(tmp_path, rows, test=[["1", image()], ["3", image()]])
    (root / LOOKUP_TABLE).write_text(f"{LOOKUP_HEADER}1,3,nose_tip_x,\n")
    with pytest.raises(FaultyFacesError) as images:
        write_photos(root)
    assert len(images.value.faults) == 12 + 1 + 1
    assert images.value.faults[0].name == "training/00002"
    assert "14 faults:" in str(images.value) and "and 4 more" in str(images.value)
    with pytest.raises(FaultyFacesError) as landmarks:
        read_kaggle15(root)
    assert (len(landmarks.value.faults), len(landmarks.value.faces)) == (12, 24 + 2)


def test_excluded_images_are_not_read(tmp_path: Path):
    rows = [[*coordinates(), image()], [*coordinates(), "7 7"]]
    root = write(tmp_path, rows, test=[["1", image()], ["2", "8"]])
    (root / LOOKUP_TABLE).write_text(f"{LOOKUP_HEADER}1,1,nose_tip_x,\n2,2,nose_tip_x,\n")
    write_excluded(root, ["training/00002", "test/00002"])
    write_photos(root)
    assert [face.name for face in read_kaggle15(root)] == ["training/00001", "test/00001"]


def test_the_lookup_table_is_checked_with_the_images(tmp_path: Path):
    root = write(tmp_path, [[*coordinates(), image()]])
    (root / LOOKUP_TABLE).unlink()
    with pytest.raises(FormatError, match=f"no {LOOKUP_TABLE} below it"):
        write_photos(root)
