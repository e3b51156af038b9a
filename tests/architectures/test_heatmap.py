"""Heat maps: decoding, and the shape of the maps."""

import pytest
import torch
from small_models import HEATMAP

from keypoints.architectures.heatmap.network import HeatmapNet, soft_argmax
from keypoints.models.build import NetworkShape


def test_a_single_peak_decodes_to_the_centre_of_its_cell():
    maps = torch.full((1, 2, 4, 8), -1e4)
    maps[0, 0, 1, 6] = maps[0, 1, 3, 0] = 0
    assert soft_argmax(maps)[0].tolist() == [[6.5 / 8, 1.5 / 4], [0.5 / 8, 3.5 / 4]]


def test_two_equal_peaks_decode_to_the_middle_between_them_and_a_flat_map_to_its_centre():
    maps = torch.full((1, 2, 4, 8), -1e4)
    maps[0, 0, 2, 2] = maps[0, 0, 2, 3] = 5.0
    maps[0, 1] = 0.7
    expected = torch.tensor([[3 / 8, 2.5 / 4], [0.5, 0.5]])
    assert torch.allclose(soft_argmax(maps)[0], expected)


def test_autocast_does_not_round_the_decoded_points():
    maps = 3 * torch.randn(2, 5, 56, 56, generator=torch.Generator().manual_seed(1))
    exact = soft_argmax(maps)
    with torch.autocast("cpu", torch.bfloat16):
        assert (soft_argmax(maps) - exact).abs().max() < 1e-6


def test_the_gradient_of_a_point_reaches_its_map():
    maps = torch.zeros(1, 1, 4, 4, requires_grad=True)
    soft_argmax(maps)[0, 0, 0].backward()
    assert (maps.grad[0, 0, :, 0] < 0).all() and (maps.grad[0, 0, :, 3] > 0).all()


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_the_maps_have_stride_4_for_inputs_of_any_size(size: tuple[int, int], separable: bool):
    changes = {"backbone": "resnet18", "pad_type": None, "separable_convs": separable}
    settings = HEATMAP.model_copy(update=changes)
    network = HeatmapNet(settings, NetworkShape(1, size, 5), weights=None).eval()
    with torch.inference_mode():
        maps = network.logits(torch.zeros(2, 1, *size))
        points = network(torch.zeros(2, 1, *size))
    assert maps.shape == (2, 5, size[0] // 4, size[1] // 4)
    assert points.shape == (2, 10)
