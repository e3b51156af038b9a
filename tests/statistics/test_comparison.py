"""Two sides on the same validation faces: by hand, and what is luck."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from keypoints.statistics.comparison import ComparisonError, compare_errors
from keypoints.statistics.comparison_text import comparison_text, format_verdict


def table(mae_px: Sequence[float], groups: Sequence[str] | None = None) -> pd.DataFrame:
    """Faces of so many pixels of error, eyes 100 px apart, the jaw twice as bad as the whole."""
    errors = np.asarray(mae_px, float)
    names = [f"f{number}" for number in range(len(errors))]
    return pd.DataFrame(
        {
            "face": names,
            "group": groups or names,
            "view": 0,
            "inter_ocular_px": 100.0,
            "mae_px": errors,
            "rmse_px": errors,
            "nme": errors / 100,
            "nme_jaw": errors / 50,
        }
    )


def drawn(rng: np.random.Generator, n_faces: int = 60) -> np.ndarray:
    return rng.gamma(4, 1, n_faces)


def test_errors_and_differences_by_hand():
    found = compare_errors([table([4, 2, 6])], [table([3, 2, 4])])
    assert (found.n_faces, found.n_groups, found.n_seeds) == (3, 3, (1, 1))
    assert found.errors.loc["mae_px"].tolist() == [4, 3]
    assert found.errors.loc["nme_jaw"].tolist() == pytest.approx([0.08, 0.06])
    assert found.decisive.difference == pytest.approx(-1)
    assert found.differences["nme"].difference == pytest.approx(-0.01)
    assert list(found.differences) == ["mae_px", "nme", "nme_jaw"]


def test_the_face_that_moved_most_comes_first_and_is_paired_by_its_name():
    old, new = table([4, 2, 6]), table([3, 2, 8]).iloc[::-1]
    faces = compare_errors([old], [new]).faces
    assert faces.index.tolist() == ["f2", "f0", "f1"]
    assert faces.loc["f2"].tolist() == [6, 8, 2]


def test_identical_sides_are_not_to_be_told_apart():
    errors = drawn(np.random.default_rng(1))
    found = compare_errors([table(errors)], [table(errors)])
    assert found.decisive.interval == (0, 0)
    assert not found.decisive.is_significant
    assert format_verdict(found, "A", "B").startswith(
        "B and A have the same errors on all 60 faces"
    )


@pytest.mark.parametrize(("shift", "word"), [(-0.2, "better"), (0.2, "worse")])
def test_a_side_that_is_shifted_on_every_face_is_better_or_worse(shift: float, word: str):
    errors = drawn(np.random.default_rng(1))  # whose deviation is ten times the shift
    found = compare_errors([table(errors)], [table(errors + shift)])
    assert format_verdict(found, "A", "B").startswith(f"B is {word} than A: mae_px 0.2 ")
    turned = compare_errors([table(errors + shift)], [table(errors)])
    assert turned.decisive.difference == pytest.approx(-found.decisive.difference)


def test_sides_that_differ_by_luck_are_told_apart_once_in_twenty():
    rng, told = np.random.default_rng(1), 0
    for _ in range(60):
        told += compare_errors(
            [table(drawn(rng, 30))], [table(drawn(rng, 30))]
        ).decisive.is_significant
    assert told <= 6


def test_mirror_twins_count_as_one_photo():
    old, new = drawn(np.random.default_rng(1)), drawn(np.random.default_rng(2))
    groups = [f"photo{number}" for number in range(60)]
    alone = compare_errors([table(old, groups)], [table(new, groups)]).decisive
    twins = compare_errors([table([*old, *old], groups * 2)], [table([*new, *new], groups * 2)])
    assert (twins.n_faces, twins.n_groups) == (120, 60)
    assert twins.decisive.interval == pytest.approx(alone.interval)
    strangers = compare_errors([table([*old, *old])], [table([*new, *new])]).decisive
    assert np.ptp(strangers.interval) == pytest.approx(np.ptp(alone.interval) / 2**0.5, rel=0.1)


def test_seeds_that_lie_apart_widen_the_interval_and_seeds_alike_do_not():
    errors = drawn(np.random.default_rng(1))
    shifted = [table(errors - 0.2)] * 3
    alike = compare_errors([table(errors)] * 3, shifted)
    assert alike.n_seeds == (3, 3)
    assert alike.decisive.interval == pytest.approx((-0.2, -0.2))
    apart = compare_errors([table(errors + spread) for spread in (-1, 0, 1)], shifted)
    assert apart.decisive.difference == pytest.approx(-0.2)
    # deviation sqrt(2 / 4), of a difference of two means of three, 2.78 for four degrees of freedom
    reach = 2.78 * np.sqrt(0.5 * 2 / 3)
    assert apart.decisive.interval == pytest.approx((-0.2 - reach, -0.2 + reach), rel=0.05)
    assert "not to be told apart with 60 faces" in format_verdict(apart, "A", "B")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (table([1, 2]), "not the same validation faces: 3 and 2, 2 in common"),
        (table([1, 2, 3]).assign(inter_ocular_px=90), "face f0 has other annotations"),
        (table([1, 2, 3]).drop(columns="mae_px"), "no mae_px on both sides; there are nme"),
    ],
)
def test_what_cannot_be_compared_is_refused(other: pd.DataFrame, message: str):
    with pytest.raises(ComparisonError, match=message):
        compare_errors([table([1, 2, 3])], [other])


def test_text_has_a_line_for_each_error_and_for_the_faces_that_moved_most():
    found = compare_errors([table(range(1, 13))], [table(range(12))])
    lines = comparison_text(found, "A", "B", n_moved=3).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["mae_px", "nme", "nme_jaw"]
    assert lines[1].split()[1:4] == ["6.5000", "5.5000", "-1.0000"]
    assert [line.split()[0] for line in lines[6:9]] == ["f0", "f1", "f2"]
    assert lines[-2].startswith("B is better than A: mae_px 1 lower")
    assert "another seed" in lines[-1]
