"""A network in a mirror, and how far its two answers lie apart."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from keypoints.core.landmarks import IBUG_68, IMM_58, flip_indices_of
from keypoints.prediction.flipped import Flipped
from keypoints.prediction.tta import LandmarkPredictions


class Brightest(nn.Module):
    """Finds the brightest pixel: two points, the first one a tenth of the width to its left."""

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        place = images.flatten(1).argmax(dim=1)
        x, y = (place % width + 0.5) / width, (place // width + 0.5) / height
        return torch.stack([torch.stack([x - 0.1, y], -1), torch.stack([x + 0.1, y], -1)], 1)


def image_of_a_dot(column: int, row: int) -> Tensor:
    image = torch.zeros(1, 1, 6, 10)
    image[0, 0, row, column] = 1
    return image


def test_a_network_that_treats_both_sides_alike_says_the_same_in_a_mirror() -> None:
    image = image_of_a_dot(2, 4)
    plain = Brightest()(image)
    assert torch.allclose(Flipped(Brightest(), [1, 0])(image), plain)
    assert plain[0, 0].tolist() == pytest.approx([0.15, 0.75])


def test_without_the_swap_left_and_right_points_part() -> None:
    image = image_of_a_dot(2, 4)
    swapped = Flipped(Brightest(), [0, 1])(image)
    assert torch.allclose(swapped, Brightest()(image)[:, [1, 0]])


@pytest.mark.parametrize("scheme", [IMM_58, IBUG_68])
def test_the_order_of_all_points_is_the_schemes_and_the_nose_stays(scheme) -> None:
    every = tuple(range(scheme.n_points))
    assert flip_indices_of(every, scheme) == scheme.flip_indices.tolist()
    assert flip_indices_of((scheme.nose_tip,), scheme) == [0]


def test_a_point_without_its_twin_cannot_be_mirrored() -> None:
    with pytest.raises(ValueError):
        flip_indices_of((36,), IBUG_68)


def test_disagreement_is_in_parts_of_the_predicted_faces_diagonal() -> None:
    plain = np.array([[(0.0, 0.0), (30.0, 40.0)]])  # a diagonal of 50
    faces = LandmarkPredictions(plain, plain + (0, 5))
    assert faces.flip_disagreement().tolist() == pytest.approx([0.1])


def test_disagreement_over_one_point_is_in_pixels() -> None:
    plain = np.array([[(10.0, 10.0)]])
    assert LandmarkPredictions(plain, plain + (3, 4)).flip_disagreement().tolist() == pytest.approx(
        [5]
    )
