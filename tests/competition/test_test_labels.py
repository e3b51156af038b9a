"""Test landmarks: read by name for the score, and out of reach of everything that learns."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from spec import submission_spec_for
from imports import SRC, direct_imports, modules_used
from ruamel.yaml import YAML

from keypoints.competition.base import CompetitionError, SubmissionSpec, load_submission_spec
from keypoints.competition.registry import CS194_26
from keypoints.competition.test_labels import IBUG_LIST, TruthError, read_test_labels
from keypoints.core.landmarks import IBUG_68
from keypoints.crops.cropping import write_crops
from keypoints.crops.store import CropFormat
from keypoints.datasets.ibug import read_ibug
from keypoints.faces.face import split_by_hash

TRUTH = "src/keypoints/scoring/truth.py"
ALLOWED = {"send.py", "report.py"}  # they score submissions; nothing is decided by them
STAGES = YAML(typ="safe").load((SRC.parent / "dvc.yaml").read_text())["stages"]


def deps(stage: str) -> list[str]:
    return STAGES[stage].get("do", STAGES[stage])["deps"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, rendered_ibug: Path) -> Path:
    folder = tmp_path_factory.mktemp("store") / "wild"
    faces = read_ibug(rendered_ibug)
    format_ = CropFormat(32, 32, margin=0, colour=False, box_scale=1.3, scheme="ibug68")
    write_crops(folder, rendered_ibug, faces, split_by_hash((), 0.1), format_)
    return folder


@pytest.fixture(scope="module")
def asked(store: Path) -> SubmissionSpec:
    return load_submission_spec(CS194_26, store)


@pytest.mark.parametrize("script", sorted(SRC.glob("*.py")), ids=lambda path: path.name)
def test_only_sending_can_reach_the_module_that_reads_test_landmarks(script: Path) -> None:
    assert (TRUTH in modules_used(script)) == (script.name in ALLOWED)


def test_no_module_of_the_library_imports_it() -> None:
    modules = (SRC / "keypoints").rglob("*.py")
    assert [path for path in modules if SRC.parent / TRUTH in direct_imports(path)] == []


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"report"}))
def test_no_stage_before_the_report_depends_on_test_landmarks(stage: str) -> None:
    assert not any(
        dep.startswith(("src/send.py", TRUTH, "src/keypoints/local")) for dep in deps(stage)
    )
    reads_raw_data = any(dep.startswith("data/raw") for dep in deps(stage))
    assert reads_raw_data == (stage == "prepare")  # whose readers drop them, as the next test sees


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_depends_on_the_report(stage: str) -> None:
    assert not any(dep.startswith("report") for dep in deps(stage))


def test_prepared_test_faces_have_no_landmarks(store: Path) -> None:
    landmarks_photo = np.load(store / "landmarks.npy")
    assert np.isnan(landmarks_photo[-3:]).all()
    assert not np.isnan(landmarks_photo[:-3]).any()


def test_asked_faces_are_those_of_the_test_list_in_its_order(
    asked: SubmissionSpec, rendered_ibug: Path
):
    test = [face for face in read_ibug(rendered_ibug) if face.is_test]
    assert asked.names == tuple(face.name for face in test)
    assert asked.boxes_photo.tolist() == [list(face.box or ()) for face in test]
    assert asked.shape == (3, 68, 2)
    assert asked.values.tolist() == list(range(3 * 136))
    assert (asked.faces[135], asked.faces[136], asked.points[137]) == (0, 1, 0)


def test_a_set_without_test_faces_is_not_asked_for(tmp_path: Path, rendered_ibug: Path) -> None:
    faces = [face for face in read_ibug(rendered_ibug) if not face.is_test][:1]
    format_ = CropFormat(32, 32, margin=0, colour=False, box_scale=1.3, scheme="ibug68")
    write_crops(tmp_path / "store", rendered_ibug, faces, lambda face: "train", format_)
    with pytest.raises(CompetitionError, match="asks for test faces; there are none"):
        load_submission_spec(CS194_26, tmp_path / "store")


def test_truth_is_that_of_the_list_by_the_names_of_the_faces(
    asked: SubmissionSpec, rendered_ibug: Path
) -> None:
    truth = read_test_labels(asked, rendered_ibug)
    image = list(ElementTree.parse(next(rendered_ibug.rglob(IBUG_LIST))).iter("image"))[1]
    part = image.find("box/part[@name='30']")
    assert part is not None
    assert truth[1, 30].tolist() == [float(part.get("x", "")), float(part.get("y", ""))]
    assert truth.shape == (3, IBUG_68.n_points, 2)


def test_without_test_landmarks_on_disk_the_error_says_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=f"no {IBUG_LIST} below it.*public archive of iBUG"):
        read_test_labels(submission_spec_for(1, 68), tmp_path)


def test_a_face_that_the_list_lacks_is_named(rendered_ibug: Path) -> None:
    with pytest.raises(TruthError, match="test face helen/face_0 has no landmark where one is"):
        read_test_labels(submission_spec_for(2, 68), rendered_ibug)


def test_a_damaged_list_is_named(tmp_path: Path) -> None:
    (tmp_path / IBUG_LIST).write_text("<dataset><images>")
    with pytest.raises(TruthError, match=f"{IBUG_LIST}: not well-formed XML: no element found"):
        read_test_labels(submission_spec_for(1, 68), tmp_path)
