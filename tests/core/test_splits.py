"""Splits of groups by hashes."""

import numpy as np

from keypoints.core.splits import group_k_fold, in_hash_fraction, take_groups

PHOTOS = [f"photo{number // 2}" for number in range(46)]  # with mirror twins


def test_folds_hold_out_each_group_once_and_completely() -> None:
    folds = group_k_fold(PHOTOS, 5)
    assert (folds[::2] == folds[1::2]).all()
    assert sorted(np.bincount(folds)[1:]) == [8, 8, 10, 10, 10]
    assert (group_k_fold(PHOTOS[::-1], 5) == folds[::-1]).all()
    assert len(set(folds[:10].tolist())) > 1  # not in the order of the names


def test_folds_are_independent_of_the_held_out_fraction() -> None:
    groups = [f"photo{number}" for number in range(400)]
    held_out = [in_hash_fraction(group, 0.5) for group in groups]
    folds = group_k_fold(groups, 2)
    assert 0.4 < (np.array(held_out) == (folds == 1)).mean() < 0.6


def test_more_groups_contain_fewer_ones() -> None:
    few, more = take_groups(PHOTOS, 3), take_groups(PHOTOS, 10)
    assert (few.sum(), more.sum()) == (6, 20)
    assert more[few].all()
