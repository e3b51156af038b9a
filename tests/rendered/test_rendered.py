"""Rendered data sets: files, determinism, and landmarks at the right pixels."""

import os
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from keypoints.config.messages import SettingsError
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import IBUG_68, IMM_58, Scheme
from keypoints.datasets.ibug import read_ibug
from keypoints.datasets.imm import read_imm
from keypoints.rendered import imm_photo, writers
from keypoints.rendered.expression import Expression
from keypoints.rendered.ibug_photo import render_ibug_photo, sample_ibug_scene
from keypoints.rendered.identity import Identity
from keypoints.rendered.landmarks import find_landmarks
from keypoints.rendered.photo import render_photo
from keypoints.rendered.posing import Framing, pose_head
from keypoints.rendered.sampling import sample_person
from keypoints.rendered.scene import HairStyle, Light, Pose, Scene, Stream, generator

SCHEMES = [IBUG_68, IMM_58]


@pytest.fixture(scope="module")
def ibug(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ibug")
    writers.render("ibug", folder, {"photos": 9, "test_photos": 3, "seed": 1, "workers": 1})
    return folder / "ibug_300W_large_face_landmark_dataset"


@pytest.fixture(scope="module")
def imm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imm")
    writers.render("imm", folder, {"people": 2, "seed": 1, "workers": 1})
    return folder / "imm_face_db"


def images(path: Path) -> list[ElementTree.Element]:
    return list(ElementTree.parse(path).getroot().iter("image"))


def points(image: ElementTree.Element) -> np.ndarray:
    return np.array([[int(p.get("x")), int(p.get("y"))] for p in image.iter("part")])


def box(image: ElementTree.Element) -> list[int]:
    return [int(image.find("box").get(key)) for key in ("left", "top", "width", "height")]


def mean_scene(**pose: float) -> Scene:
    """A bald, evenly lit person with the mean shape."""
    person = sample_person(generator(0, Stream.IMM_PERSON, 0), is_female=False)
    bald = HairStyle("none", -0.9, parting=0, opening=60, bottom=0.5, volume=0.05, curl=0)
    person = replace(person, identity=Identity(), glasses=None, beard=0.0, hair_style=bald)
    light = Light(np.full(3, 0.8), np.array([[0.0, -0.5, 0.866]]), np.full((1, 3), 0.4), 0.0)
    angles = {"yaw": 0.0, "pitch": 10.0, "roll": 0.0, **pose}
    return Scene(person, Expression(), Pose(**angles, distance=14.0), light)


def mean_landmarks(scheme: Scheme, **pose: float) -> np.ndarray:
    scene = mean_scene(**pose)
    return find_landmarks(scheme, scene, pose_head(scene))


def test_imm_has_six_views_of_each_person_with_photo_and_shape(imm):
    stems = sorted(path.stem for path in imm.glob("*.asf"))
    assert len(stems) == 12
    assert [stem[:4] for stem in stems] == [f"{p:02d}-{v}" for p in (1, 2) for v in range(1, 7)]
    assert sorted(path.stem for path in imm.glob("*.jpg")) == stems
    assert all(cv2.imread(str(path)).shape == (480, 640, 3) for path in imm.glob("*.jpg"))


def test_imm_has_both_column_variants_and_names_its_photo(imm):
    variants = set()
    for path in imm.glob("*.asf"):
        lines = [x for x in path.read_text().splitlines() if x.strip() and not x.startswith("#")]
        assert lines[0] == "58" and lines[-1] == f"{path.stem}.jpg"
        variants |= {len(line.split()) for line in lines[1:-1]}
        relative = np.array([line.split()[2:4] for line in lines[1:-1]], float)
        assert relative.shape == (58, 2) and relative.min() > 0 and relative.max() < 1
    assert variants == {7, 10}


def test_every_thirteenth_person_is_grayscale_in_three_channels(imm):
    spreads = {
        path.stem[:2]: np.ptp(cv2.imread(str(path)), axis=2).max() for path in imm.glob("*.jpg")
    }
    assert spreads["02"] == 0 and spreads["01"] > 20


def test_turned_views_turn_as_in_the_public_set():
    person = imm_photo.sample_sitter(generator(0, Stream.IMM_PERSON, 1))
    tip = {}
    for view in (imm_photo.NEUTRAL, imm_photo.TURNED_RIGHT, imm_photo.TURNED_LEFT):
        rng = generator(0, Stream.IMM_VIEW, view)
        _, landmarks = imm_photo.render_imm_photo(person, view, rng, grayscale=False)
        left, right = landmarks[IMM_58.eye_corners[0], 0], landmarks[IMM_58.eye_corners[1], 0]
        tip[view] = (landmarks[IMM_58.nose_tip, 0] - left) / (right - left)
    assert (
        tip[imm_photo.TURNED_RIGHT]
        < 0.42
        < tip[imm_photo.NEUTRAL]
        < 0.58
        < tip[imm_photo.TURNED_LEFT]
    )


def test_ibug_lists_count_their_photos_and_sizes_match(ibug):
    train, test = (images(ibug / f"labels_ibug_300W_{n}.xml") for n in ("train", "test"))
    assert (len(train), len(test)) == (9, 3)
    assert len(list(ibug.rglob("*.jpg"))) == 12
    for image in train + test:
        height, width = cv2.imread(str(ibug / image.get("file"))).shape[:2]
        assert (int(image.get("width")), int(image.get("height"))) == (width, height)
        landmarks = points(image)
        assert landmarks.shape == (68, 2)
        assert (landmarks >= 0).all() and (landmarks < (width, height)).all()


def test_both_test_lists_have_the_same_faces_in_the_same_order(ibug):
    bare, full = (images(ibug / f"labels_ibug_300W_test{n}.xml") for n in ("_parsed", ""))
    assert [i.get("file") for i in bare] == [i.get("file") for i in full]
    assert [box(i) for i in bare] == [box(i) for i in full]
    assert not any(list(image.iter("part")) for image in bare)


def test_a_flipped_copy_is_the_flipped_photo_with_swapped_landmarks(ibug):
    train = {image.get("file"): image for image in images(ibug / "labels_ibug_300W_train.xml")}
    copies = [file for file in train if "_mirror" in file]
    assert len(copies) == 1
    original, copy = train[copies[0].replace("_mirror", "")], train[copies[0]]
    width = int(original.get("width"))
    flipped = points(original)[IBUG_68.flip_indices]
    flipped[:, 0] = width - 1 - flipped[:, 0]
    np.testing.assert_array_equal(points(copy), flipped)
    left, _, box_width, _ = box(original)
    assert box(copy)[0] == width - left - box_width
    photo, copied = (cv2.imread(str(ibug / i.get("file"))).astype(int) for i in (original, copy))
    difference_flipped = np.abs(photo[:, ::-1] - copied).mean()  # of the JPEG compression
    assert difference_flipped < 0.3 * np.abs(photo - copied).mean()


def test_the_bytes_do_not_depend_on_the_number_of_processes(tmp_path, ibug, monkeypatch):
    monkeypatch.setattr(writers, "_MAX_SERIAL", 0)
    writers.write_ibug(tmp_path, photos=9, test_photos=3, seed=1, workers=2)
    for path in sorted(p for p in ibug.rglob("*") if p.is_file()):
        assert (tmp_path / ibug.name / path.relative_to(ibug)).read_bytes() == path.read_bytes()


def test_another_seed_gives_another_face():
    first, second = (render_ibug_photo(generator(seed, Stream.IBUG_TRAIN, 0)) for seed in (1, 2))
    assert not np.array_equal(first.landmarks_photo, second.landmarks_photo)


def test_readers_return_the_rendered_boxes_and_landmarks(ibug, imm):
    found = {face.photo.split("/", 1)[1]: face for face in read_ibug(ibug.parent)}
    for stream, count in ((Stream.IBUG_TRAIN, 8), (Stream.IBUG_TEST, 3)):
        for index in range(count):
            scene = sample_ibug_scene(generator(1, stream, index))
            face = found[writers._ibug_file(stream, index)]
            left, top, width, height = scene.box
            assert face.box == (left, top, left + width, top + height)
            if stream == Stream.IBUG_TRAIN:  # the reader uses the test list without landmarks
                np.testing.assert_array_equal(face.landmarks_photo, scene.landmarks_photo)
    for number, face in enumerate(read_imm(imm.parent)):
        person = imm_photo.sample_sitter(generator(1, Stream.IMM_PERSON, number // 6))
        rng = generator(1, Stream.IMM_VIEW, number // 6 * 6 + face.view)
        expected = imm_photo.sample_imm_scene(person, face.view, rng).landmarks_photo
        # The file has 8 decimals of the relative position in 640 px.
        np.testing.assert_allclose(face.landmarks_photo, expected, atol=1e-5)


def test_too_many_people_for_the_file_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match=re.escape("people must be 1 to 99")):
        writers.write_imm(tmp_path, people=100, seed=0)


def test_a_data_set_without_a_renderer_is_refused_with_the_way_out(tmp_path):
    message = "wflw cannot be rendered (only imm, ibug, kaggle15 can); set `source: public`"
    with pytest.raises(SettingsError, match=re.escape(message)):
        writers.render("wflw", tmp_path, {})


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_points_of_one_contour_are_in_order(scheme):
    landmarks = mean_landmarks(scheme)
    for contour in scheme.contours:
        steps = np.diff(landmarks[list(contour.points)], axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        assert (lengths > 0.01).all() and (lengths < 0.5).all()
    jaw = landmarks[list(scheme.parts["jaw"])]
    assert (np.diff(jaw[:, 0]) > 0).all()


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_a_frontal_mean_face_is_its_own_mirror_image(scheme):
    landmarks = mean_landmarks(scheme)
    flipped = landmarks[scheme.flip_indices] * (-1, 1)
    np.testing.assert_allclose(landmarks, flipped, atol=0.01)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_the_nose_tip_is_between_the_eyes_and_above_the_mouth(scheme):
    landmarks = mean_landmarks(scheme)
    x, y = landmarks[scheme.nose_tip]
    left, right = landmarks[list(scheme.eye_corners)]
    mouth = landmarks[list(scheme.parts["mouth"])]
    assert left[0] < x < right[0]
    assert max(left[1], right[1]) < y < mouth[:, 1].min()


@pytest.mark.parametrize("yaw", [-40.0, -20.0, 20.0, 40.0])
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_jaw_of_a_turned_face_lies_on_the_visible_outline(scheme, yaw):
    scene = replace(mean_scene(yaw=yaw), in_studio=scheme is IMM_58)
    head = pose_head(scene)
    framing = Framing((300, 300), (150.0, 110.0), 80.0)
    wall = np.full((300, 300, 3), (255, 0, 255), np.uint8)
    photo = render_photo(scene, head, framing, generator(0, Stream.IMM_VIEW, 0), wall)
    is_wall = (np.abs(photo.astype(int) - wall) < 60).all(axis=2)
    jaw = list(scheme.parts["jaw"])
    landmarks = np.round(find_landmarks(scheme, scene, head) * 80 + (150, 110)).astype(int)
    # Landmarks of the cheek that faces away: the head ends within three pixels of each.
    cheek = jaw[1 : len(jaw) // 2 - 1] if yaw < 0 else jaw[len(jaw) // 2 + 2 : -1]
    for x, y in landmarks[cheek]:
        outward = -1 if yaw < 0 else 1
        assert not is_wall[y, x - 3 * outward]
        assert is_wall[y, x + 3 * outward]


def test_a_photo_of_the_studio_shows_round_shoulders_and_the_whole_crown():
    """The shoulders reach twice as far as the face; above the eyes, the head ends in a curve."""
    scene = replace(mean_scene(), in_studio=True)
    wall = np.full((480, 640, 3), (255, 0, 255), np.uint8)
    framing = Framing((480, 640), (320.0, 220.0), 130.0)
    photo = render_photo(scene, pose_head(scene), framing, generator(0, Stream.IMM_VIEW, 0), wall)
    widths = ((np.abs(photo.astype(int) - wall) > 60).any(axis=2)).sum(axis=1) / framing.scale
    assert widths[30:200].max() < 2.0 < 3.5 < widths[-1]
    crown = int(np.argmax(widths > 0))
    assert 50 < crown < 100
    assert widths[crown + 6] < 0.5 * widths[crown + 50] and np.diff(widths[crown:150]).min() > -0.1


def test_eyes_are_rendered_at_their_landmarks():
    scene = mean_scene()
    head = pose_head(scene)
    framing = Framing((300, 300), (150.0, 110.0), 100.0)
    photo = render_photo(scene, head, framing, generator(0, Stream.IMM_VIEW, 0))
    gray = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY).astype(float)
    landmarks = find_landmarks(IBUG_68, scene, head) * 100 + (150, 110)
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = np.round(landmarks[eye].mean(axis=0)).astype(int)
        iris = gray[y - 3 : y + 4, x - 4 : x + 5].min()
        cheek = gray[y + 25 : y + 32, x - 4 : x + 5].mean()
        assert iris < 0.5 * cheek


def test_red_lips_are_rendered_at_the_landmarks_of_a_turned_mouth():
    scene = mean_scene(yaw=25.0, roll=12.0)
    head = pose_head(scene)
    framing = Framing((300, 300), (150.0, 110.0), 100.0)
    photo = render_photo(scene, head, framing, generator(0, Stream.IMM_VIEW, 0))
    landmarks = find_landmarks(IBUG_68, scene, head) * 100 + (150, 110)
    lips = cv2.cvtColor(photo, cv2.COLOR_BGR2Lab)[..., 1].astype(float)  # redness
    lower_lip = landmarks[[57, 66]].mean(axis=0)
    chin = landmarks[[57, 8]].mean(axis=0)
    red, pale = (lips[int(y) - 1 : int(y) + 2, int(x) - 3 : int(x) + 4].mean()
                 for x, y in (lower_lip, chin))  # fmt: skip
    assert red > pale + 2


def test_a_tongue_is_rendered_red_over_the_lower_lip_of_an_open_mouth():
    below_lip = []
    for tongue in (True, False):
        scene = replace(mean_scene(), expression=Expression(jaw_open=0.4, tongue=tongue))
        head = pose_head(scene)
        framing = Framing((300, 300), (150.0, 110.0), 100.0)
        photo = render_photo(scene, head, framing, generator(0, Stream.IMM_VIEW, 0))
        x, y = np.round(find_landmarks(IBUG_68, scene, head)[57] * 100 + (150, 110)).astype(int)
        below_lip.append(cv2.cvtColor(photo, cv2.COLOR_BGR2Lab)[y + 4, x, 1])  # redness
    assert below_lip[0] > below_lip[1] + 10


def test_a_killed_process_is_named():
    with pytest.raises(PipelineError, match="a process that renders photos was killed"):
        writers._map_in_processes(os._exit, 30, 2, "photos")
