"""Comparisons on the same validation faces: by hand, and their significance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from keypoints.core.errors import PipelineError
from keypoints.statistics.comparison import compare_errors
from keypoints.statistics.comparison_text import comparison_text, format_verdict


def table(mae_px: Sequence[float], groups: Sequence[str] | None = None) -> pd.DataFrame:
    """Errors of faces with eyes 100 px apart; the NME of the jaw is twice that of the face."""
    errors = np.asarray(mae_px, float)
    names = [f"f{number}" for number in range(len(errors))]
    return pd.DataFrame(
        {
            "face": names,
            "group": groups or names,
            "view": 0,
            "norm_px": 100.0,
            "mae_px": errors,
            "rmse_px": errors,
            "nme": errors / 100,
            "nme_jaw": errors / 50,
        }
    )


def sample_errors(rng: np.random.Generator, n_faces: int = 60) -> np.ndarray:
    return rng.gamma(4, 1, n_faces)


def test_errors_and_differences_by_hand():
    comparison = compare_errors([table([4, 2, 6])], [table([3, 2, 4])])
    assert (comparison.n_faces, comparison.n_groups, comparison.n_seeds) == (3, 3, (1, 1))
    assert comparison.errors.loc["mae_px"].tolist() == [4, 3]
    assert comparison.errors.loc["nme_jaw"].tolist() == pytest.approx([0.08, 0.06])
    assert comparison.decisive.difference == pytest.approx(-1)
    assert comparison.differences["nme"].difference == pytest.approx(-0.01)
    assert list(comparison.differences) == ["mae_px", "rmse_px", "nme", "nme_jaw"]


def test_root_mean_square_errors_count_by_known_coordinates():
    kinds = {"kind": "4 points", "n_coordinates": [30, 8, 0]}
    old, new = (table(errors).assign(**kinds) for errors in ([3, 1, np.nan], [1, 2, np.nan]))
    comparison = compare_errors([old], [new])
    assert comparison.metric == "rmse_px"
    before, after = np.sqrt((30 * 9 + 8) / 38), np.sqrt((30 + 8 * 4) / 38)
    assert comparison.errors.loc["rmse_px"].tolist() == pytest.approx([before, after])
    assert comparison.decisive.difference == pytest.approx(after - before)
    assert comparison.errors.loc["mae_px"].tolist() == [2, 1.5]
    low, high = comparison.decisive.interval
    assert low < after - before < high  # of two faces, one of which became better


def test_faces_are_paired_by_name_and_the_largest_change_comes_first():
    old, new = table([4, 2, 6]), table([3, 2, 8]).iloc[::-1]
    faces = compare_errors([old], [new]).faces
    assert faces.index.tolist() == ["f2", "f0", "f1"]
    assert faces.loc["f2"].tolist() == [6, 8, 2]


def test_identical_sides_do_not_differ():
    errors = sample_errors(np.random.default_rng(1))
    comparison = compare_errors([table(errors)], [table(errors)])
    assert comparison.decisive.interval == (0, 0)
    assert not comparison.decisive.is_significant
    assert format_verdict(comparison, "A", "B").startswith(
        "B and A have the same errors on all 60 faces"
    )


@pytest.mark.parametrize(("shift", "word"), [(-0.2, "better"), (0.2, "worse")])
def test_a_shift_on_every_face_is_significant(shift: float, word: str):
    errors = sample_errors(np.random.default_rng(1))  # their deviation is ten times the shift
    comparison = compare_errors([table(errors)], [table(errors + shift)])
    assert format_verdict(comparison, "A", "B").startswith(f"B is {word} than A: mae_px 0.2 ")
    swapped = compare_errors([table(errors + shift)], [table(errors)])
    assert swapped.decisive.difference == pytest.approx(-comparison.decisive.difference)


def test_random_differences_are_rarely_significant():
    rng, n_significant = np.random.default_rng(1), 0
    for _ in range(60):
        n_significant += compare_errors(
            [table(sample_errors(rng, 30))], [table(sample_errors(rng, 30))]
        ).decisive.is_significant
    assert n_significant <= 6


def test_mirror_twins_count_as_one_photo():
    old, new = sample_errors(np.random.default_rng(1)), sample_errors(np.random.default_rng(2))
    groups = [f"photo{number}" for number in range(60)]
    alone = compare_errors([table(old, groups)], [table(new, groups)]).decisive
    twins = compare_errors([table([*old, *old], groups * 2)], [table([*new, *new], groups * 2)])
    assert (twins.n_faces, twins.n_groups) == (120, 60)
    assert twins.decisive.interval == pytest.approx(alone.interval)
    unrelated = compare_errors([table([*old, *old])], [table([*new, *new])]).decisive
    assert np.ptp(unrelated.interval) == pytest.approx(np.ptp(alone.interval) / 2**0.5, rel=0.1)


def test_the_spread_between_seeds_widens_the_interval():
    errors = sample_errors(np.random.default_rng(1))
    shifted = [table(errors - 0.2)] * 3
    alike = compare_errors([table(errors)] * 3, shifted)
    assert alike.n_seeds == (3, 3)
    assert alike.decisive.interval == pytest.approx((-0.2, -0.2))
    apart = compare_errors([table(errors + spread) for spread in (-1, 0, 1)], shifted)
    assert apart.decisive.difference == pytest.approx(-0.2)
    # deviation sqrt(2 / 4), of a difference of two means of three, 2.78 for four degrees of freedom
    half_width = 2.78 * np.sqrt(0.5 * 2 / 3)
    assert apart.decisive.interval == pytest.approx(
        (-0.2 - half_width, -0.2 + half_width), rel=0.05
    )
    assert "do not differ significantly on 60 faces" in format_verdict(apart, "A", "B")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (table([1, 2]), "the validation faces differ: 3 and 2, 2 in common"),
        (table([1, 2, 3]).assign(norm_px=90), "the annotations of face f0 differ"),
        (
            table([1, 2, 3]).drop(columns="mae_px"),
            "the sides have no mae_px in common, only rmse_px, nme",
        ),
    ],
)
def test_tables_that_do_not_match_are_an_error(other: pd.DataFrame, message: str):
    with pytest.raises(PipelineError, match=message):
        compare_errors([table([1, 2, 3])], [other])


def test_text_has_a_line_per_metric_and_per_face_with_the_largest_changes():
    comparison = compare_errors([table(range(1, 13))], [table(range(12))])
    lines = comparison_text(comparison, "A", "B", n_faces=3).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["mae_px", "rmse_px", "nme"]
    assert lines[1].split()[1:4] == ["6.5000", "5.5000", "-1.0000"]
    assert [line.split()[0] for line in lines[7:10]] == ["f0", "f1", "f2"]
    assert lines[-2].startswith("B is better than A: mae_px 1 lower")
    assert "spread between seeds" in lines[-1]
