"""A grid of scores and offsets, decoded and learnt from by hand and by descent."""

from pathlib import Path

import numpy as np
import pytest
import torch
from workspace import ROOT

from keypoints.config.messages import SettingsError
from keypoints.config.models import OptimSettings, PipModel
from keypoints.config.params import read_params
from keypoints.core.landmarks import IBUG_68
from keypoints.crops.batches import Batch
from keypoints.models.build import build_network
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.network import LandmarkNetwork
from keypoints.models.pip_net import Grid, nearest
from keypoints.models.predict import load_model, save_model
from keypoints.training.losses import make_loss
from keypoints.training.trainer import Trainer

PARAMS = read_params(ROOT / "params.yaml")
TASK = PARAMS.task("wild").model_copy(update={"height": 64, "width": 96, "margin": 0})
RESNET = PARAMS.model("resnet18")
MODEL = PipModel(
    **RESNET.model_dump(exclude={"architecture"}),
    architecture="pip_net",
    stride=32,
    neighbours=2,
).model_copy(update={"loss": "l1"})
N_POINTS = 5
SHAPE = np.array([[0.2, 0.2], [0.8, 0.2], [0.5, 0.5], [0.3, 0.8], [0.7, 0.8]])


def perfect(target: torch.Tensor, *, rows: int, columns: int, count: int) -> Grid:
    """A grid that is right: in each cell, where every point lies."""
    n, n_points = target.shape[:2]
    points = torch.from_numpy(nearest(SHAPE, count))
    size = torch.tensor([columns, rows])
    corner = torch.stack(torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="xy"))
    offsets = (target[:, points] * size)[..., None, None] - corner
    scores = torch.zeros(n, n_points, rows, columns)
    cells = (target * size).long()
    for face in range(n):
        for point in range(n_points):
            scores[face, point, cells[face, point, 1], cells[face, point, 0]] = 1
    return Grid(scores, offsets, points)


@pytest.fixture
def target() -> torch.Tensor:
    return torch.tensor(SHAPE, dtype=torch.float32) + torch.tensor([[[0.0, 0.0]], [[0.05, -0.03]]])


@pytest.mark.parametrize("count", [0, 2])
def test_a_grid_that_is_right_is_decoded_to_the_points_and_costs_nothing(
    target: torch.Tensor, count: int
):
    grid = perfect(target, rows=2, columns=3, count=count)
    torch.testing.assert_close(grid.decode(), target)
    torch.testing.assert_close(grid.errors(target), torch.zeros(2, N_POINTS, count + 1, 2))
    assert (grid.score_loss(target) == 0).all()
    assert make_loss(MODEL, None, ())(grid.decode(), target, raw=grid) < 1e-6


def test_a_point_is_the_mean_of_what_it_and_its_neighbours_say(target: torch.Tensor):
    grid = perfect(target, rows=2, columns=3, count=2)
    moved = grid.offsets.clone()
    moved[:, 2, 0, 0] += 0.6  # what the middle point's own cells say of it, x, in cells
    votes = int((grid.points == 2).sum())
    off = grid._replace(offsets=moved).decode() - target
    assert votes == N_POINTS  # all others are its neighbours
    torch.testing.assert_close(off[:, 2], torch.tensor([[0.6 / 3 / votes, 0.0]]).expand(2, 2))
    assert off[:, [0, 1, 3, 4]].abs().max() < 1e-6


def test_neighbours_are_the_nearest_and_each_point_is_its_own_first():
    assert nearest(SHAPE, 1).tolist() == [[0, 2], [1, 2], [2, 3], [3, 2], [4, 2]]
    assert nearest(SHAPE, 0).tolist() == [[0], [1], [2], [3], [4]]
    assert nearest(np.full((3, 2), 0.5), 9)[:, 0].tolist() == [0, 1, 2]


def test_unknown_points_cost_nothing_and_points_outside_are_learnt_in_the_next_cell(
    target: torch.Tensor,
):
    some = target.clone()
    some[0, 0], some[1, 1] = torch.nan, torch.tensor([1.2, -0.1])
    grid = perfect(target, rows=2, columns=3, count=2)
    error = grid.errors(some)
    assert error[0, 0].isnan().all()
    assert error[0, 2].isfinite().any()
    torch.testing.assert_close(error[1, 1, 0], target[1, 1] - some[1, 1])
    loss = make_loss(MODEL, None, ())
    assert loss(grid.decode(), target + 0.1, raw=grid) > 0
    assert loss(grid.decode(), some * torch.nan, raw=grid).item() == 0


def network_of(model: PipModel, *, seed: int = 1) -> LandmarkNetwork:
    return build_network(model, TASK, N_POINTS, seed=seed, mean_unit=SHAPE)


def test_the_network_learns_two_faces_by_heart(target: torch.Tensor):
    model = MODEL.model_copy(update={"stride": 8})  # of which little is built: a quick one
    network = network_of(model)
    loss = make_loss(model, None, tuple(range(N_POINTS)))
    learner = Trainer(network, loss, OptimSettings(), torch.device("cpu"))
    learner.set_lr(1e-3)
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 96, 3), np.uint8)
    batch = Batch(images, target.numpy(), np.eye(2, 3)[None].repeat(2, 0), None)
    costs = [learner.step(batch, number) for number in range(60)]
    assert costs[-1][0] < costs[0][0] / 5
    assert costs[-1][1] < 1e-3


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_a_model_file_keeps_the_neighbours(tmp_path: Path, stride: int):
    model = MODEL.model_copy(update={"stride": stride})
    network = network_of(model).eval()
    settings = ModelInfo(name="pip", seed=1, lr=1e-3, scheme="kaggle15", model=model, task=TASK)
    with torch.no_grad():
        said = network(torch.zeros(1, 3, 64, 96))
        assert said.shape == (1, N_POINTS, 2)
    again = build_network(model, TASK, N_POINTS, seed=2)
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(again.eval()(torch.zeros(1, 3, 64, 96)), said)
    assert again.body.points.tolist() == nearest(SHAPE, 2).tolist()
    fifteen = build_network(model, TASK, 15, seed=1)
    save_model(tmp_path / "pip.safetensors", fifteen, settings)
    assert load_model(tmp_path / "pip.safetensors").settings.model == model


def test_a_file_with_neighbours_that_there_are_not_is_refused():
    network = network_of(MODEL)
    weights = network.state_dict() | {"body.points": torch.full((N_POINTS, 3), N_POINTS)}
    with pytest.raises(ValueError, match="its neighbours are not among its points"):
        network_of(MODEL).load_state_dict(weights)


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
@pytest.mark.parametrize("backbone", ["resnet18", "mobilenetv2_100"])
def test_every_parameter_learns(target: torch.Tensor, backbone: str, stride: int):
    model = MODEL.model_copy(update={"stride": stride, "backbone": backbone})
    network = network_of(model)
    loss = make_loss(model, IBUG_68, tuple(range(N_POINTS)))
    learner = Trainer(network, loss, OptimSettings(), torch.device("cpu"))
    learner.set_lr(0.0)
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 96, 3), np.uint8)
    learner.step(Batch(images, target.numpy(), np.eye(2, 3)[None].repeat(2, 0), None))
    assert [name for name, weights in network.named_parameters() if weights.grad is None] == []


def test_half_precision_does_not_round_the_points():
    network = network_of(MODEL)
    images = torch.rand(1, 3, 64, 96)
    with torch.autocast("cpu", torch.bfloat16):
        raw = network.body.raw(images)
    assert raw.scores.dtype == raw.offsets.dtype == torch.float32


def test_a_damaged_file_to_start_from_is_named(tmp_path: Path):
    network = network_of(MODEL)
    network.body.points.fill_(N_POINTS)
    settings = ModelInfo(name="pip", seed=1, lr=1e-3, scheme="kaggle15", model=MODEL, task=TASK)
    path = tmp_path / "pip.safetensors"
    save_model(path, network, settings)
    with pytest.raises(SettingsError, match="pip.safetensors: cannot be started from: its neigh"):
        build_network(MODEL, TASK, N_POINTS, seed=1, weights=path)


def test_contours_are_nothing_to_a_grid():
    with pytest.raises(ValueError, match="must be 1 for pip_net"):
        PipModel(**MODEL.model_dump() | {"tangent_weight": 0.5})
