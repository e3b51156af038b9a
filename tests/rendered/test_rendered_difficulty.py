"""Difficulty of rendered faces: 0 is the plain face, 1 what was drawn before there was one."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from keypoints.core.landmarks import IMM_58
from keypoints.rendered import studio, wild
from keypoints.rendered.chance import Stream, generator
from keypoints.rendered.degradation import degrade
from keypoints.rendered.difficulty import Difficulty
from keypoints.rendered.expression import Expression
from keypoints.rendered.portrait import draw_portrait
from keypoints.rendered.sampling import draw_look, draw_person
from keypoints.rendered.scene import Scene
from keypoints.rendered.writers import writers as rendered

LEVELS = (0.0, 0.5, 1.0, 2.0)
N_LOOKS = 400


@pytest.fixture(scope="module")
def looks() -> dict[float, list[Scene]]:
    """What many photos show at each difficulty."""
    return {level: [draw_one(level, k) for k in range(N_LOOKS)] for level in LEVELS}


def draw_one(level: float, index: int, plain: tuple[str, ...] = ()) -> Scene:
    rng = generator(5, Stream.TRAIN_PHOTO, index)
    difficulty = Difficulty.of(level, plain)
    return draw_look(rng, draw_person(rng, difficulty.occlusion), difficulty)


def lamp_azimuths(look: Scene) -> np.ndarray:
    return np.degrees(np.arctan2(look.light.lamps[:, 0], look.light.lamps[:, 2]))


@pytest.mark.parametrize(
    ("index", "box", "chin", "quality", "next_number"),
    [
        (0, (98, 98, 216, 216), (223, 321), 63, 0.5972532196417223),
        (1, (68, 68, 150, 150), (129, 233), 88, 0.5544639185138757),
    ],
)
def test_difficulty_1_draws_the_wild_photos_of_before(index, box, chin, quality, next_number):
    """The numbers were noted before there was a difficulty; they follow from every draw before."""
    rng = generator(1, Stream.TRAIN_PHOTO, index)
    photo = wild.draw_wild_photo(rng, Difficulty.of(1.0))
    assert (photo.box, tuple(photo.landmarks_photo[8]), photo.quality) == (box, chin, quality)
    assert rng.random() == next_number


def test_difficulty_1_draws_the_portraits_and_studio_views_of_before():
    rng = generator(1, Stream.TRAIN_PORTRAIT, 2)
    np.testing.assert_allclose(
        draw_portrait(rng, Difficulty.of(1.0)).landmarks_photo[0], (71.53, 46.313), atol=1e-3
    )
    assert rng.random() == 0.740920393651986
    rng = generator(1, Stream.IMM_VIEW, studio.FREE)
    person = studio.sample_sitter(generator(1, Stream.IMM_PERSON, 0), Difficulty.of(1.0))
    _, landmarks = studio.draw_view(person, studio.FREE, rng, Difficulty.of(1.0), grey=False)
    np.testing.assert_allclose(landmarks[52], (297.466, 315.819), atol=1e-3)
    assert rng.random() == 0.8836941934336189


SPREADS: dict[str, Callable[[Scene], float]] = {
    "yaw": lambda look: look.pose.yaw,
    "pitch": lambda look: look.pose.pitch,
    "roll": lambda look: look.pose.roll,
    "smile": lambda look: look.expression.smile,
    "open mouth": lambda look: look.expression.jaw_open,
    "brows": lambda look: look.expression.brow_raise,
    "side of the first lamp": lambda look: lamp_azimuths(look)[0],
    "gaze": lambda look: look.gaze[0],
}


@pytest.mark.parametrize("spread", SPREADS.values(), ids=SPREADS)
def test_spread_grows_with_the_difficulty(looks: dict[float, list[Scene]], spread):
    deviations = [np.std([spread(look) for look in looks[level]]) for level in LEVELS]
    assert deviations[0] == pytest.approx(0, abs=1e-9)
    assert (np.diff(deviations) > 0).all()


SHARES: dict[str, Callable[[Scene], bool]] = {
    "hand or object": lambda look: look.is_occluded,
    "hat": lambda look: look.hat is not None,
    "glasses": lambda look: look.person.glasses is not None,
    "bangs": lambda look: look.person.hair_style.front > -0.55,
    "an eye closed": lambda look: max(look.expression.lids) == 1.0,
}
HIDES = {name: is_so for name, is_so in SHARES.items() if name != "an eye closed"}


@pytest.mark.parametrize("is_so", SHARES.values(), ids=SHARES)
def test_share_of_what_hides_the_face_grows_with_the_difficulty(
    looks: dict[float, list[Scene]], is_so
):
    shares = [np.mean([is_so(look) for look in looks[level]]) for level in LEVELS]
    assert shares[0] == 0
    assert (np.diff(shares) > 0).all()


def test_difficulty_0_is_a_frontal_resting_evenly_lit_face(looks: dict[float, list[Scene]]):
    for look in looks[0.0]:
        assert (look.pose.yaw, look.pose.pitch, look.pose.roll) == (0.0, 7.5, 0.0)
        assert look.expression == Expression()
        np.testing.assert_allclose(lamp_azimuths(look), 0, atol=1e-9)
        assert look.light.ambient.min() > 0.3
        assert look.gaze == (0.0, 0.0)


@pytest.mark.parametrize(
    ("kind", "is_plain"),
    [
        ("pose", lambda look: (look.pose.yaw, look.pose.roll) == (0.0, 0.0)),
        ("expression", lambda look: look.expression == Expression()),
        ("light", lambda look: np.allclose(lamp_azimuths(look), 0)),
        ("cover", lambda look: not any(is_so(look) for is_so in HIDES.values())),
    ],
)
def test_one_kind_can_be_plain_while_the_others_stay(kind, is_plain):
    assert all(is_plain(draw_one(1.0, index, (kind,))) for index in range(40))
    assert not all(is_plain(draw_one(1.0, index)) for index in range(40))
    assert len({draw_one(1.0, index, (kind,)).light.shine for index in range(40)}) == 40


def test_a_clean_camera_leaves_the_photo_as_it_is():
    photo = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    rng = generator(1, Stream.TRAIN_PHOTO, 0)
    assert np.abs(degrade(photo, rng, 0.0).astype(int) - photo).max() <= 1


def written(folder: Path, difficulty: float, plain: tuple[str, ...] = ()) -> dict[Path, bytes]:
    how = {"seed": 2, "difficulty": difficulty, "plain": plain, "workers": 1}
    rendered.write_ibug(folder, photos=3, test_photos=1, **how)
    rendered.write_kaggle15(folder, faces=2, test_faces=1, **how)
    rendered.write_imm(folder, people=1, **how)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_every_layout_is_drawn_at_either_end_and_all_kinds_plain_are_difficulty_0(tmp_path: Path):
    hardest, easiest = (written(tmp_path / str(level), level) for level in (2.0, 0.0))
    assert sum(path.suffix == ".jpg" for path in hardest) == 3 + 1 + 6
    kinds = tuple(field.name for field in fields(Difficulty))
    all_plain = written(tmp_path / "plain", 2.0, kinds)
    assert all_plain == easiest
    assert all_plain.keys() == hardest.keys()
    assert all_plain != hardest


def test_the_easiest_studio_views_do_not_turn():
    turns, easiest = [], Difficulty.of(0.0)
    for view in (studio.TURNED_RIGHT, studio.TURNED_LEFT):
        person = studio.sample_sitter(generator(0, Stream.IMM_PERSON, 0), easiest)
        rng = generator(0, Stream.IMM_VIEW, view)
        _, landmarks = studio.draw_view(person, view, rng, easiest, grey=False)
        left, right, tip = landmarks[[*IMM_58.eye_corners, IMM_58.nose_tip], 0]
        turns.append((tip - left) / (right - left))
    assert turns[0] == pytest.approx(turns[1], abs=0.03)


def test_who_puts_out_the_tongue_opens_the_mouth(looks: dict[float, list[Scene]]):
    tongues = [look.expression for look in looks[1.0] if look.expression.tongue]
    assert len(tongues) > 4
    assert all(e.jaw_open >= 0.25 and e.pucker == 0 for e in tongues)
