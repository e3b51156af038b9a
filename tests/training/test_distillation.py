"""Training with a trained network as a teacher."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import OWN_MODELS, read_task
from torch import nn

from keypoints.config.messages import SettingsError
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import KAGGLE_15
from keypoints.crops.batches import Batch
from keypoints.models.build import build_network
from keypoints.models.checkpoint import ModelFileError, ModelInfo
from keypoints.models.network import LandmarkNetwork
from keypoints.models.predict import save_model
from keypoints.training.distillation import Teacher, load_teacher
from keypoints.training.folds import Fold
from keypoints.training.losses import LOSSES
from keypoints.training.settings import find_initial_weights
from keypoints.training.trainer import TrainConfig, Trainer

N_POINTS = KAGGLE_15.n_points
SMALL = OWN_MODELS["kaggle15_net"].model_copy(update={"channels": 2, "hidden_features": 4})


def make_info(*, size: int = 48, scheme: str = "kaggle15", weight: float = 0.5) -> ModelInfo:
    task = read_task("kaggle15").model_copy(update={"height": size, "width": size})
    model = SMALL.model_copy(update={"distill_weight": weight})
    return ModelInfo(name="small", seed=1, lr=1e-3, scheme=scheme, model=model, task=task)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A teacher for inputs of 64 px."""
    large = make_info(size=64)
    path = tmp_path / "large.safetensors"
    save_model(path, build_network(large.model, large.task, N_POINTS, seed=2), large)
    return path


def make_student() -> LandmarkNetwork:
    return build_network(SMALL, make_info().task, N_POINTS, seed=1)


def make_trainer(network: nn.Module, teacher: Teacher, *, lr: float) -> Trainer:
    trainer = Trainer(network, TrainConfig(LOSSES["mse"], teacher=teacher))
    trainer.set_lr(lr)
    return trainer


def make_batch() -> Batch:
    images = np.random.default_rng(1).integers(0, 256, (3, 48, 48, 1), np.uint8)
    return Batch(images, np.full((3, N_POINTS, 2), 0.9, np.float32), np.eye(2, 3)[None], None)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_the_loss_is_a_weighted_mean_of_those_to_the_labels_and_to_the_teacher(
    file: Path, weight: float
):
    teacher, student, batch = (
        load_teacher(file, make_info(weight=weight)),
        make_student(),
        make_batch(),
    )
    loss, mse = make_trainer(student, teacher, lr=0.0).step(batch)
    images = torch.from_numpy(batch.images).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        to_teacher = LOSSES["mse"](student(images), teacher.predict(images))
    assert loss.item() == pytest.approx(((1 - weight) * mse + weight * to_teacher).item())


def test_the_teacher_predicts_at_its_own_input_size_and_does_not_change(file: Path):
    teacher = load_teacher(file, make_info())
    first = [tensor.clone() for tensor in teacher.network.state_dict().values()]
    assert teacher.size == (64, 64)
    assert teacher.predict(torch.zeros(2, 1, 48, 48)).shape == (2, N_POINTS, 2)
    make_trainer(make_student(), teacher, lr=0.1).step(make_batch())
    assert not teacher.network.training
    for before, now in zip(first, teacher.network.state_dict().values(), strict=True):
        assert torch.equal(before, now)


def test_unknown_points_are_learnt_from_the_teacher_alone():
    class Fixed(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.full((len(images), N_POINTS, 2), 0.25)

    student, batch = make_student(), make_batch()
    batch.landmarks_unit[:] = np.nan
    make_trainer(student, Teacher(Fixed(), (48, 48), 0.5), lr=0.0).step(batch)
    assert max(p.grad.abs().max() for p in student.parameters()) > 0


@pytest.mark.parametrize(
    ("scheme", "size", "message"),
    [
        ("imm58", (48, 48), "scheme is kaggle15, that of small is imm58"),
        ("kaggle15", (48, 96), "aspect ratio is 1.0, that of small is 2.0"),
    ],
)
def test_a_teacher_of_other_points_or_another_box_is_refused(
    file: Path, scheme: str, size: tuple[int, int], message: str
):
    student = make_info(scheme=scheme)
    task = student.task.model_copy(update={"height": size[0], "width": size[1]})
    with pytest.raises(SettingsError, match=f"teacher large.safetensors: its {message}"):
        load_teacher(file, student.model_copy(update={"task": task}))


def test_a_file_that_is_not_a_model_cannot_be_a_teacher(tmp_path: Path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match="not a model of this project"):
        load_teacher(tmp_path / "x.safetensors", make_info())


def test_a_model_with_a_teacher_cannot_be_cross_validated():
    taught = SMALL.model_copy(update={"teacher": "large.safetensors"})
    message = "its teacher large.safetensors may have been trained on every fold"
    with pytest.raises(PipelineError, match=message):
        find_initial_weights("small", taught, Fold(1, 5))
