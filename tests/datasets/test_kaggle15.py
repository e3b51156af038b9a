"""The second competition: its CSVs read and drawn, its split, its lookup table, its score."""

import csv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from spec import submission_spec_for
from workspace import ROOT

from keypoints.competition.asking import submission_spec_for as asked_for
from keypoints.competition.base import CompetitionError, SubmissionSpec, load_submission_spec
from keypoints.competition.local_score import score
from keypoints.competition.registry import (
    FACIAL_KEYPOINTS_DETECTION,
    competition_of,
    find_competition,
)
from keypoints.competition.submission import SubmissionError, read_submission, write_submission
from keypoints.competition.test_labels import TruthError, read_test_labels
from keypoints.config.params import Params, read_params
from keypoints.core.landmarks import KAGGLE_15, KAGGLE_15_POINTS
from keypoints.crops.cropping import write_crops
from keypoints.crops.store import CropFormat
from keypoints.datasets.kaggle15 import (
    LOOKUP_TABLE,
    TRAIN_HEADER,
    lookup_table,
    read_kaggle15,
    split_kaggle15,
    write_photos,
)
from keypoints.download.unpack import UnpackError
from keypoints.faces.face import Face, FormatError
from keypoints.rendered.writers import write_kaggle15

GOLDEN = Path(__file__).parents[1] / "competition/golden" / "facial_keypoints_detection.csv"
CORE = [0, 1, 10, 14]  # the points that are nearly always known


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kaggle15")
    write_kaggle15(folder, faces=12, test_faces=5, seed=1, workers=1)
    write_photos(folder)
    return folder


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, rendered: Path) -> SubmissionSpec:
    folder = tmp_path_factory.mktemp("store") / "kaggle15"
    faces = read_kaggle15(rendered)
    format_ = CropFormat(96, 96, margin=0, colour=False, box_scale=None, scheme="kaggle15")
    write_crops(folder, rendered, faces, split_kaggle15(faces, 0.2), format_)
    (folder / LOOKUP_TABLE).write_bytes(lookup_table(rendered).read_bytes())
    return load_submission_spec(FACIAL_KEYPOINTS_DETECTION, folder)


def picture(brightness: int = 7) -> str:
    return " ".join([str(brightness)] * 96 * 96)


def write(folder: Path, rows: list[list[str]], test: list[list[str]] | None = None) -> Path:
    """A set of so many training rows and, unless others are given, one test picture."""
    for name, header, lines in (
        ("training.csv", TRAIN_HEADER, rows),
        ("test.csv", ("ImageId", "Image"), test or [["1", picture()]]),
    ):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *lines])
    return folder


def numbers(**others: str) -> list[str]:
    """Point p at (p, 2 p), as the columns have it; `c3='...'` changes a column."""
    texts = [str(value) for p in range(15) for value in (p, 2 * p)]
    for name, text in others.items():
        texts[int(name[1:])] = text
    return texts


def test_columns_are_points_and_an_empty_one_hides_its_point(tmp_path: Path):
    first, second, test = read_kaggle15(
        write(tmp_path, [[*numbers(), picture()], [*numbers(c6="", c29=""), picture(8)]])
    )
    assert first.landmarks_photo is not None and second.landmarks_photo is not None
    assert first.landmarks_photo.tolist() == [[p, 2 * p] for p in range(15)]
    unknown = np.isnan(second.landmarks_photo).all(axis=1)
    assert np.flatnonzero(unknown).tolist() == [3, 14]  # x of one, y of the other
    assert (first.box, first.photo) == (None, "photos/training/00001.png")
    assert (test.is_test, test.landmarks_photo, test.name) == (True, None, "test/00001")


def test_pictures_are_written_as_they_are(tmp_path: Path):
    text = " ".join(str(k % 256) for k in range(96 * 96))
    root = write(tmp_path, [[*numbers(), text]])
    write_photos(root)
    photo = cv2.imread(str(root / read_kaggle15(root)[0].photo), cv2.IMREAD_UNCHANGED)
    assert photo is not None
    np.testing.assert_array_equal(photo.ravel(), np.arange(96 * 96) % 256)
    assert photo.shape == (96, 96)


def test_archives_within_the_archive_are_held_to_its_limit(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "training.zip", "w") as inner:
        inner.writestr("training.csv", b"0" * 2_000_000)
    with pytest.raises(UnpackError, match="training.zip"):
        write_photos(tmp_path, max_bytes=1_000_000)
    assert [path.name for path in tmp_path.iterdir()] == ["training.zip"]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ([*numbers(c4="left"), picture()], "training.csv: line 3: could not convert string"),
        ([*numbers(c4="inf"), picture()], "training.csv: line 3: a number is not finite"),
        ([*numbers(), picture(), "1"], "training.csv: line 3: 32 columns where 31 are due"),
        ([*numbers(), picture() + " 7"], "line 3: a picture should have 9216 numbers from 0 to"),
        ([*numbers(), picture(256)], "line 3: a picture should have 9216 numbers from 0 to 255"),
        ([*numbers(), "7 x"], "training.csv: line 3: "),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: list[str], rule: str):
    root = write(tmp_path, [[*numbers(), picture()], row])
    with pytest.raises(FormatError) as caught:
        read_kaggle15(root)
        write_photos(root)
    assert rule in str(caught.value)


def test_other_columns_other_numbers_and_missing_files_are_refused(tmp_path: Path):
    root = write(tmp_path, [[*numbers(), picture()]], test=[["2", picture()]])
    with pytest.raises(FormatError, match=r"test\.csv: line 2: ImageId should be 1; got '2'"):
        write_photos(root)
    (root / "training.csv").write_text("left_eye_center_x,Image\n")
    with pytest.raises(FormatError, match=r"training\.csv: the first line should be left_eye_cent"):
        read_kaggle15(root)
    (root / "training.csv").unlink()
    with pytest.raises(FormatError, match=r"no training\.csv below it"):
        read_kaggle15(root)


def test_drawn_set_has_whole_and_partly_known_faces_within_their_pictures(rendered: Path):
    faces = read_kaggle15(rendered)
    train = [face.landmarks_photo for face in faces if face.landmarks_photo is not None]
    assert (len(train), len(faces)) == (12, 17)
    known = np.array([~np.isnan(points).any(axis=1) for points in train])
    assert known[:, CORE].all()
    assert 0 < known.all(axis=1).sum() < 12
    assert (known.all(axis=1) | (known.sum(axis=1) == 4)).all()
    points = np.concatenate(train)
    assert np.nanmin(points) >= 0 and np.nanmax(points) <= 95


def test_points_of_drawn_faces_are_on_their_sides(rendered: Path):
    for face in read_kaggle15(rendered):
        points = face.landmarks_photo
        if points is None or np.isnan(points).any():
            continue
        for left, right in KAGGLE_15.flip_pairs:  # of the picture
            assert points[left, 0] < points[right, 0]
        brows, eyes, mouth = (
            points[list(KAGGLE_15.parts[part]), 1].mean() for part in ("brows", "eyes", "mouth")
        )
        assert brows < eyes < points[KAGGLE_15.nose_tip, 1] < mouth


def face(number: int, group: str, *, is_whole: bool) -> Face:
    points = np.ones((15, 2))
    points[7] = 1 if is_whole else np.nan
    return Face(str(number), f"{number}.png", group, None, points)


def test_validation_faces_have_all_points_and_no_twin_in_training():
    faces = [face(k, f"group {k // 2}", is_whole=k % 5 > 0) for k in range(400)]
    split = split_kaggle15(faces, 0.3)
    sides: dict[str, set[str]] = {}
    for one in faces:
        side = split(one)
        sides.setdefault(one.group, set()).add(side)
        assert one.landmarks_photo is not None
        assert side == "train" or not np.isnan(one.landmarks_photo).any()
    assert all(len(found) == 1 for found in sides.values())
    assert 20 < sum("validation" in found for found in sides.values()) < 60


def test_the_same_pixels_are_one_group(tmp_path: Path):
    root = write(tmp_path, [[*numbers(), picture(k)] for k in (1, 2, 1)])
    first, second, third, _ = read_kaggle15(root)
    assert first.group == third.group != second.group


def test_the_lookup_table_says_what_is_asked_for(asked: SubmissionSpec, rendered: Path):
    with lookup_table(rendered).open() as file:
        rows = list(csv.DictReader(file))
    assert len(asked.values) == len(rows) < 5 * 30
    for row, face_, point in zip(rows, asked.faces, asked.points, strict=True):
        assert int(row["ImageId"]) == face_ + 1
        assert row["FeatureName"].startswith(KAGGLE_15_POINTS[point])


@pytest.mark.parametrize(
    "row", ["2,1,nose_tip_x,", "1,6,nose_tip_x,", "1,0,nose_tip_x,", "1,1,nose_x,", "1,one,,"]
)
def test_a_wrong_lookup_table_is_refused(tmp_path: Path, row: str):
    (tmp_path / LOOKUP_TABLE).write_text(f"RowId,ImageId,FeatureName,Location\n{row}\n")
    with pytest.raises(CompetitionError, match=r"row 1 should ask for RowId 1, an ImageId up to 5"):
        FACIAL_KEYPOINTS_DETECTION.row_indices(tmp_path, (5, 15, 2))


def test_the_submission_is_that_of_the_golden_file(tmp_path: Path):
    landmarks_photo = np.full((2, 15, 2), 1.0)
    landmarks_photo[0, 0] = (96.4, -1.0)
    landmarks_photo[1, 3] = (2.5, 48.1234)
    asked = submission_spec_for(
        2, 15, FACIAL_KEYPOINTS_DETECTION, values=np.array([0, 1, 30 + 6, 30 + 7], dtype=int)
    )
    write_submission(tmp_path / "15.csv", landmarks_photo, asked)
    assert (tmp_path / "15.csv").read_bytes() == GOLDEN.read_bytes()
    (tmp_path / "15.csv").write_text(GOLDEN.read_text().replace("48.123", "96.5"))
    with pytest.raises(SubmissionError, match="got '4,96.5': should be within 0 and 96"):
        read_submission(tmp_path / "15.csv", asked)


def test_the_local_score_is_the_root_mean_square(asked: SubmissionSpec, rendered: Path):
    truth = read_test_labels(asked, rendered)
    assert np.isnan(truth).any()
    predicted = np.nan_to_num(truth)
    assert score(predicted, truth, asked).score == 0
    predicted.ravel()[asked.values[0]] += 3.0
    expected = 3.0 / np.sqrt(len(asked.values))
    assert score(predicted, truth, asked).score == pytest.approx(expected)


def test_kaggle_keeps_the_solution(asked: SubmissionSpec, rendered: Path, tmp_path: Path):
    with pytest.raises(TruthError, match=r"no solution\.csv below it.*Kaggle's downloads never"):
        read_test_labels(asked, tmp_path)
    (tmp_path / "solution.csv").write_text("RowId,Location\n1,5.0\n")
    with pytest.raises(TruthError, match="should have .* rows of RowId,Location"):
        read_test_labels(asked, tmp_path)


@pytest.mark.parametrize("content", [b"", b"RowId,Location\n1,word\n", b"\xff\xfeR\x00"])
def test_a_damaged_solution_is_named(asked: SubmissionSpec, tmp_path: Path, content: bytes):
    (tmp_path / "solution.csv").write_bytes(content)
    with pytest.raises(TruthError, match=r"solution\.csv: .*; fetch the data set again"):
        read_test_labels(asked, tmp_path)


def test_an_ensemble_goes_where_its_members_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    params = read_params(ROOT / "params.yaml")
    members = ["kaggle15_net"]
    ensembles = {"both": {"how": "mean", "members": members, "calibrated": False}}
    params = Params.model_validate(params.model_dump() | {"ensembles": ensembles})
    monkeypatch.chdir(tmp_path)  # where no crops are
    for name in ("both", "kaggle15_net"):
        with pytest.raises(FileNotFoundError, match="data/crops/kaggle15"):
            asked_for(name, params)
    with pytest.raises(FileNotFoundError, match="data/crops/wild"):
        asked_for("another", params)


def test_a_competition_is_found_by_its_slug_or_its_data_set():
    slug = "facial-keypoints-detection"
    assert find_competition(slug) is FACIAL_KEYPOINTS_DETECTION
    assert competition_of("kaggle15", "cs194-26-fall-2021-project-5").slug == slug
    assert competition_of("ibug", slug).dataset == "ibug"
    with pytest.raises(CompetitionError, match="competition must be one of cs194.*; got 'titanic'"):
        find_competition("titanic")
    with pytest.raises(CompetitionError, match="no competition asks for test faces of"):
        competition_of("imm", slug)
