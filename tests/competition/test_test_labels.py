"""Test labels: read for scoring, and unreachable from the code of every other stage."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from imports import SRC, direct_imports, modules_used
from ruamel.yaml import YAML
from spec import CS194_26, make_spec

from keypoints.competition.base import SubmissionSpec, find_competition, load_submission_spec
from keypoints.competition.test_labels import read_test_labels
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import IBUG_68
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.datasets.ibug import read_ibug
from keypoints.faces.face import split_by_hash

LABELS = "labels_ibug_300W_test.xml"
MODULE = SRC / "keypoints/competition/test_labels.py"
ALLOWED = {"send.py", "report.py"}  # they score submissions and decide nothing by the scores
STAGES = YAML(typ="safe").load((SRC.parent / "dvc.yaml").read_text())["stages"]
FORMAT = CropFormat(32, 32, margin=0, colour=False, box_scale=1.3, scheme="ibug68")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, rendered_ibug: Path) -> Path:
    folder = tmp_path_factory.mktemp("store") / "wild"
    write_crops(folder, rendered_ibug, read_ibug(rendered_ibug), split_by_hash([], 0.1), FORMAT)
    return folder


@pytest.fixture(scope="module")
def spec(store: Path) -> SubmissionSpec:
    return load_submission_spec(CS194_26, store)


@pytest.mark.parametrize("script", sorted(SRC.glob("*.py")), ids=lambda path: path.name)
def test_only_send_and_report_can_reach_the_module(script: Path) -> None:
    assert (MODULE in modules_used(script)) == (script.name in ALLOWED)


def test_no_module_of_the_library_imports_it() -> None:
    modules = (SRC / "keypoints").rglob("*.py")
    assert [path for path in modules if MODULE in direct_imports(path)] == []


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"report"}))
def test_only_prepare_and_report_depend_on_raw_data(stage: str) -> None:
    deps = STAGES[stage].get("do", STAGES[stage])["deps"]
    assert any(dep.startswith("data/raw") for dep in deps) == (stage == "prepare")


def test_prepared_test_faces_have_no_landmarks(store: Path) -> None:
    landmarks_photo = np.load(store / "landmarks.npy")
    assert np.isnan(landmarks_photo[-3:]).all()
    assert not np.isnan(landmarks_photo[:-3]).any()


def test_a_specification_has_the_faces_of_the_test_list_in_its_order(
    spec: SubmissionSpec, rendered_ibug: Path
) -> None:
    test = [face for face in read_ibug(rendered_ibug) if face.is_test]
    assert spec.names == tuple(face.name for face in test)
    assert spec.boxes_photo.tolist() == [list(face.box or ()) for face in test]
    assert spec.shape == (3, 68, 2)
    assert spec.row_indices.tolist() == list(range(3 * 136))
    assert (spec.row_faces[135], spec.row_faces[136], spec.row_points[137]) == (0, 1, 0)


def test_a_store_without_test_faces_has_no_specification(
    tmp_path: Path, rendered_ibug: Path
) -> None:
    faces = [face for face in read_ibug(rendered_ibug) if not face.is_test][:1]
    write_crops(tmp_path / "store", rendered_ibug, faces, lambda face: "train", FORMAT)
    with pytest.raises(PipelineError, match="contains no test faces, which cs194"):
        load_submission_spec(CS194_26, tmp_path / "store")


def test_an_unknown_competition_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(PipelineError, match=r"one of cs194-26-fall-2021-project-5, facial-.*'x'"):
        find_competition("x")


def test_labels_are_matched_by_the_names_of_the_faces(
    spec: SubmissionSpec, rendered_ibug: Path
) -> None:
    target = read_test_labels(spec, rendered_ibug)
    image = list(ElementTree.parse(next(rendered_ibug.rglob(LABELS))).iter("image"))[1]
    part = image.find("box/part[@name='30']")
    assert part is not None
    assert target[1, 30].tolist() == [float(part.get("x", "")), float(part.get("y", ""))]
    assert target.shape == (3, IBUG_68.n_points, 2)


def test_ignored_boxes_have_no_labels_and_the_list_may_be_spelled_in_capitals(
    spec: SubmissionSpec, rendered_ibug: Path, tmp_path: Path
) -> None:
    tree = ElementTree.parse(next(rendered_ibug.rglob(LABELS)))
    for image in tree.iter("image"):
        ignored = ElementTree.SubElement(image, "box", {"ignore": "1"})
        ElementTree.SubElement(ignored, "part", {"name": "30", "x": "0", "y": "0"})
    tree.write(tmp_path / LABELS.upper())
    expected = read_test_labels(spec, rendered_ibug)
    assert np.array_equal(read_test_labels(spec, tmp_path), expected)


def test_without_labels_on_disk_the_error_names_data_sets_that_have_them(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=f"no {LABELS}, .*public archive of iBUG"):
        read_test_labels(make_spec(1, 68), tmp_path)


def test_a_face_without_labels_is_named(rendered_ibug: Path) -> None:
    with pytest.raises(PipelineError, match="test face helen/face_0 lacks a landmark"):
        read_test_labels(make_spec(2, 68), rendered_ibug)


def test_a_damaged_list_is_named(tmp_path: Path) -> None:
    (tmp_path / LABELS).write_text("<dataset><images>")
    with pytest.raises(PipelineError, match=f"{LABELS}: not well-formed XML: no element found"):
        read_test_labels(make_spec(1, 68), tmp_path)
