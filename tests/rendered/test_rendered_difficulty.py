"""Difficulty of rendered faces: variation grows with it, and a kind can be disabled."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from keypoints.core.landmarks import IMM_58
from keypoints.rendered import imm_photo
from keypoints.rendered.degradation import degrade
from keypoints.rendered.expression import Expression
from keypoints.rendered.ibug_photo import render_ibug_photo
from keypoints.rendered.kaggle15_photo import render_kaggle15_photo
from keypoints.rendered.sampling import Difficulty, sample_person, sample_scene
from keypoints.rendered.scene import Scene, Stream, generator
from keypoints.rendered.writers import render

LEVELS = (0.0, 0.5, 1.0, 2.0)
N_SCENES = 400


@pytest.fixture(scope="module")
def scenes() -> dict[float, list[Scene]]:
    """Many scenes of each difficulty."""
    return {level: [sample_one(level, k) for k in range(N_SCENES)] for level in LEVELS}


def sample_one(level: float, index: int, disabled: tuple[str, ...] = ()) -> Scene:
    rng = generator(5, Stream.IBUG_TRAIN, index)
    difficulty = Difficulty.from_level(level, disabled)
    return sample_scene(rng, sample_person(rng, difficulty.occlusion), difficulty)


def lamp_azimuths(scene: Scene) -> np.ndarray:
    return np.degrees(np.arctan2(scene.light.lamps[:, 0], scene.light.lamps[:, 2]))


@pytest.mark.parametrize(
    ("index", "box", "chin", "quality", "colour", "next_number"),
    [
        (0, (98, 98, 216, 216), (223, 321), 63, (123.579, 95.840, 126.964), 0.5972532196417223),
        (1, (68, 68, 150, 150), (129, 233), 88, (83.713, 102.127, 115.289), 0.5544639185138757),
    ],
)
def test_ibug_photos_of_difficulty_1_do_not_change(index, box, chin, quality, colour, next_number):
    """The recorded numbers depend on all earlier random numbers of the photo."""
    rng = generator(1, Stream.IBUG_TRAIN, index)
    photo = render_ibug_photo(rng, Difficulty.from_level(1.0))
    assert (photo.box, tuple(photo.landmarks_photo[8]), photo.quality) == (box, chin, quality)
    np.testing.assert_allclose(photo.pixels.mean(axis=(0, 1)), colour, atol=0.01)
    assert rng.random() == next_number


def test_kaggle15_and_imm_photos_of_difficulty_1_do_not_change():
    rng, difficulty = generator(1, Stream.KAGGLE15_TRAIN, 2), Difficulty.from_level(1.0)
    landmarks = render_kaggle15_photo(rng, difficulty).landmarks_photo
    np.testing.assert_allclose(landmarks[0], (71.53, 46.313), atol=1e-3)
    assert rng.random() == 0.740920393651986
    rng = generator(1, Stream.IMM_VIEW, imm_photo.FREE)
    person = imm_photo.sample_sitter(generator(1, Stream.IMM_PERSON, 0), difficulty)
    _, landmarks = imm_photo.render_imm_photo(
        person, imm_photo.FREE, rng, difficulty, grayscale=False
    )
    np.testing.assert_allclose(landmarks[52], (297.476, 315.810), atol=1e-3)
    assert rng.random() == 0.8836941934336189


VARIABLES: dict[str, Callable[[Scene], float]] = {
    "yaw": lambda scene: scene.pose.yaw,
    "pitch": lambda scene: scene.pose.pitch,
    "roll": lambda scene: scene.pose.roll,
    "smile": lambda scene: scene.expression.smile,
    "open mouth": lambda scene: scene.expression.jaw_open,
    "brows": lambda scene: scene.expression.brow_raise,
    "azimuth of the first lamp": lambda scene: lamp_azimuths(scene)[0],
    "gaze": lambda scene: scene.gaze[0],
}


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=VARIABLES)
def test_standard_deviations_grow_with_the_difficulty(scenes: dict[float, list[Scene]], variable):
    deviations = [np.std([variable(scene) for scene in scenes[level]]) for level in LEVELS]
    assert deviations[0] == pytest.approx(0, abs=1e-9)
    assert (np.diff(deviations) > 0).all()


KINDS: dict[str, Callable[[Scene], bool]] = {
    "hand or object": lambda scene: scene.is_occluded,
    "hat": lambda scene: scene.hat is not None,
    "glasses": lambda scene: scene.person.glasses is not None,
    "bangs": lambda scene: scene.person.hair_style.front > -0.55,
    "a closed eye": lambda scene: max(scene.expression.lids) == 1.0,
}
OCCLUSIONS = {name: is_so for name, is_so in KINDS.items() if name != "a closed eye"}


@pytest.mark.parametrize("is_so", KINDS.values(), ids=KINDS)
def test_fraction_of_occluded_faces_grows_with_the_difficulty(
    scenes: dict[float, list[Scene]], is_so
):
    fractions = [np.mean([is_so(scene) for scene in scenes[level]]) for level in LEVELS]
    assert fractions[0] == 0
    assert (np.diff(fractions) > 0).all()


def test_difficulty_0_is_a_frontal_neutral_evenly_lit_face(scenes: dict[float, list[Scene]]):
    for scene in scenes[0.0]:
        assert (scene.pose.yaw, scene.pose.pitch, scene.pose.roll) == (0.0, 7.5, 0.0)
        assert scene.expression == Expression()
        np.testing.assert_allclose(lamp_azimuths(scene), 0, atol=1e-9)
        assert scene.light.ambient.min() > 0.3
        assert scene.gaze == (0.0, 0.0)


@pytest.mark.parametrize(
    ("kind", "is_disabled"),
    [
        ("pose", lambda scene: (scene.pose.yaw, scene.pose.roll) == (0.0, 0.0)),
        ("expression", lambda scene: scene.expression == Expression()),
        ("light", lambda scene: np.allclose(lamp_azimuths(scene), 0)),
        ("occlusion", lambda scene: not any(is_so(scene) for is_so in OCCLUSIONS.values())),
    ],
)
def test_one_kind_can_be_disabled_without_the_others(kind, is_disabled):
    assert all(is_disabled(sample_one(1.0, index, (kind,))) for index in range(40))
    assert not all(is_disabled(sample_one(1.0, index)) for index in range(40))
    assert len({sample_one(1.0, index, (kind,)).light.glossiness for index in range(40)}) == 40


def test_degradation_of_difficulty_0_leaves_the_photo_unchanged():
    photo = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    rng = generator(1, Stream.IBUG_TRAIN, 0)
    assert np.abs(degrade(photo, rng, 0.0).astype(int) - photo).max() <= 1


def render_all(
    folder: Path, difficulty: float, disabled: tuple[str, ...] = ()
) -> dict[Path, bytes]:
    common = {"seed": 2, "difficulty": difficulty, "disabled": disabled, "workers": 1}
    render("ibug", folder, {"photos": 3, "test_photos": 1, **common})
    render("kaggle15", folder, {"faces": 2, "test_faces": 1, **common})
    render("imm", folder, {"people": 1, **common})
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_all_kinds_disabled_is_difficulty_0_in_every_layout(tmp_path: Path):
    hardest, easiest = (render_all(tmp_path / str(level), level) for level in (2.0, 0.0))
    assert sum(path.suffix == ".jpg" for path in hardest) == 3 + 1 + 6
    kinds = tuple(field.name for field in fields(Difficulty))
    disabled = render_all(tmp_path / "disabled", 2.0, kinds)
    assert disabled == easiest
    assert disabled.keys() == hardest.keys()
    assert disabled != hardest


def test_turned_views_of_difficulty_0_are_frontal():
    turns, easiest = [], Difficulty.from_level(0.0)
    for view in (imm_photo.TURNED_RIGHT, imm_photo.TURNED_LEFT):
        person = imm_photo.sample_sitter(generator(0, Stream.IMM_PERSON, 0), easiest)
        rng = generator(0, Stream.IMM_VIEW, view)
        landmarks = imm_photo.sample_imm_scene(person, view, rng, easiest).landmarks_photo
        left, right, tip = landmarks[[*IMM_58.eye_corners, IMM_58.nose_tip], 0]
        turns.append((tip - left) / (right - left))
    assert turns[0] == pytest.approx(turns[1], abs=0.03)


def test_a_tongue_that_is_out_comes_with_an_open_mouth(scenes: dict[float, list[Scene]]):
    tongues = [scene.expression for scene in scenes[1.0] if scene.expression.tongue]
    assert len(tongues) > 4
    assert all(e.jaw_open >= 0.25 and e.pucker == 0 for e in tongues)
