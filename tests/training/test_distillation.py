"""A network that is taught by another one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from workspace import ROOT

from keypoints.config.messages import SettingsError
from keypoints.config.models import OptimSettings
from keypoints.config.params import read_params
from keypoints.crops.batches import Batch
from keypoints.models.build import build_network
from keypoints.models.checkpoint import ModelFileError, ModelInfo
from keypoints.models.predict import save_model
from keypoints.training.distillation import Teacher, load_teacher
from keypoints.training.folds import Fold, FoldError
from keypoints.training.initial_weights import find_initial_weights
from keypoints.training.losses import LOSSES
from keypoints.training.trainer import Trainer

PARAMS = read_params(ROOT / "params.yaml")
SMALL = PARAMS.model("kaggle15_net").model_copy(update={"channels": 2, "hidden": 4})
CPU = torch.device("cpu")


def settings(*, size: int = 48, scheme: str = "kaggle15", weight: float = 0.5) -> ModelInfo:
    task = PARAMS.task("kaggle15").model_copy(update={"height": size, "width": size})
    model = SMALL.model_copy(update={"distill_weight": weight})
    return ModelInfo(name="small", seed=1, lr=1e-3, scheme=scheme, model=model, task=task)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A teacher that takes images of 64 px."""
    large = settings(size=64)
    path = tmp_path / "large.safetensors"
    save_model(path, build_network(large.model, large.task, 15, seed=2), large)
    return path


def faces() -> Batch:
    images = np.random.default_rng(1).integers(0, 256, (3, 48, 48, 1), np.uint8)
    return Batch(images, np.full((3, 15, 2), 0.9, np.float32), np.eye(2, 3)[None], None)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_what_is_lowered_lies_between_the_annotated_and_the_taught(file: Path, weight: float):
    teacher = load_teacher(file, settings(weight=weight))
    network = build_network(SMALL, settings().task, 15, seed=1)
    learner = Trainer(network, LOSSES["mse"], OptimSettings(), CPU, teacher=teacher)
    learner.set_lr(0.0)
    batch = faces()
    lowered, square = learner.step(batch)
    images = torch.from_numpy(batch.images).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        off = LOSSES["mse"](network(images), teacher.predict(images))
    assert lowered.item() == pytest.approx(((1 - weight) * square + weight * off).item())


def test_the_teacher_sees_images_in_its_own_size_and_does_not_learn(file: Path):
    teacher = load_teacher(file, settings())
    first = [tensor.clone() for tensor in teacher.network.state_dict().values()]
    assert teacher.size == (64, 64)
    assert teacher.predict(torch.zeros(2, 1, 48, 48)).shape == (2, 15, 2)
    network = build_network(SMALL, settings().task, 15, seed=1)
    learner = Trainer(network, LOSSES["mse"], OptimSettings(), CPU, teacher=teacher)
    learner.set_lr(0.1)
    learner.step(faces())
    assert not teacher.network.training
    for before, now in zip(first, teacher.network.state_dict().values(), strict=True):
        assert torch.equal(before, now)


def test_what_is_unknown_is_learnt_from_the_teacher_alone(file: Path):
    class Fixed(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.full((len(images), 15, 2), 0.25)

    network = build_network(SMALL, settings().task, 15, seed=1)
    learner = Trainer(
        network, LOSSES["mse"], OptimSettings(), CPU, teacher=Teacher(Fixed(), (48, 48), 0.5)
    )
    learner.set_lr(0.0)
    batch = faces()
    batch.landmarks_unit[:] = np.nan
    learner.step(batch)
    assert max(p.grad.abs().max() for p in network.parameters()) > 0


@pytest.mark.parametrize(
    ("scheme", "size", "told"),
    [("imm58", (48, 48), "markup is kaggle15, that of small imm58"), (None, (48, 96), "shape")],
)
def test_a_teacher_of_something_else_is_refused(
    file: Path, scheme: str | None, size: tuple[int, int], told: str
):
    own = settings(scheme=scheme or "kaggle15")
    task = own.task.model_copy(update={"height": size[0], "width": size[1]})
    with pytest.raises(SettingsError, match=f"teacher large.safetensors: its {told}"):
        load_teacher(file, own.model_copy(update={"task": task}))


def test_a_file_that_is_no_model_cannot_teach(tmp_path: Path):
    with pytest.raises(ModelFileError, match="not a model of this project"):
        (tmp_path / "x.safetensors").write_bytes(b"nothing")
        load_teacher(tmp_path / "x.safetensors", settings())


def test_a_taught_model_is_not_cross_validated():
    taught = SMALL.model_copy(update={"teacher": "large.safetensors"})
    with pytest.raises(FoldError, match="is taught by large.safetensors, which may have seen"):
        find_initial_weights("small", taught, Fold(1, 5))


def test_networks_of_several_gpus_keep_timms_activations():
    from timm.layers import convert_sync_batchnorm

    model = read_params(ROOT / "contenders/params.yaml").model("pip_128")
    task = PARAMS.task("wild").model_copy(update={"height": 64, "width": 64})
    network = build_network(model, task, 5, seed=1).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = network(images)
        convert_sync_batchnorm(network)
        torch.testing.assert_close(network(images), before)
