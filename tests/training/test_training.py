"""The training loop, with a tiny network and a tiny store."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from keypoints.crops.augment import Augment
from keypoints.crops.batches import BatchLoader
from keypoints.crops.gpu_crops import CropReader, GpuCropReader
from keypoints.crops.store import CropStore
from keypoints.training.checkpoint import CheckpointFile
from keypoints.training.history import EpochResult, log_progress, record_history
from keypoints.training.loop import Phase, TrainingError, train, validate, validate_mean_shape
from keypoints.training.losses import LOSSES, Loss
from keypoints.training.trainer import TrainConfig

CPU = torch.device("cpu")
AUGMENT = Augment(translate=2, rotation=5, brightness=0.2, saturation=0)
MSE = TrainConfig(LOSSES["mse"], seed=1)


def tiny_network(*, dropout: float = 0.0) -> nn.Module:
    """Predicts one point from 6 x 8 cells of the input; 1.4 thousand weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(
            nn.AvgPool2d(8),
            nn.Flatten(),
            nn.Linear(48, 28),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(28, 2),
            nn.Unflatten(1, (1, 2)),
        )


def load(
    store: CropStore, split: str, *, batch_size: int = 3, reader: CropReader | None = None
) -> BatchLoader:
    augment = AUGMENT if split == "train" else None
    return BatchLoader(
        store,
        store.rows(split),
        (0,),
        batch_size=batch_size,
        augment=augment,
        seed=1,
        reader=reader,
    )


def make_phase(
    store: CropStore,
    *,
    epochs: int = 3,
    lr: float = 0.01,
    batch_size: int = 3,
    reader: CropReader | None = None,
) -> Phase:
    train_batches = load(store, "train", batch_size=batch_size, reader=reader)
    return Phase(train_batches, load(store, "validation", reader=reader), 1, epochs, lr)


def run(
    store: CropStore,
    network: nn.Module,
    *,
    seed: int = 1,
    loss: Loss = LOSSES["mse"],
    **phase: int | float | CropReader,
) -> list[EpochResult]:
    return list(train(network, [make_phase(store, **phase)], TrainConfig(loss, seed=seed)))


def flat_weights(network: nn.Module) -> torch.Tensor:
    return nn.utils.parameters_to_vector(network.parameters()).detach()


def test_the_history_has_a_row_per_epoch(dot_store: CropStore):
    history = run(dot_store, tiny_network(), epochs=3, lr=0.002)
    assert [result.epoch for result in history] == [1, 2, 3]
    assert [result.lr for result in history] == [0.002] * 3
    assert all(result.seconds > 0 for result in history)
    assert all(np.isfinite([result.train_mse, result.val_mse]).all() for result in history)


def test_a_network_learns(dot_store: CropStore):
    history = run(dot_store, tiny_network(), epochs=20)
    assert history[-1].train_mse < history[0].train_mse / 2
    assert history[-1].val_mse < history[0].val_mse


def test_the_validation_error_in_the_history_is_that_of_the_final_network(dot_store: CropStore):
    network = tiny_network(dropout=0.5)
    history = run(dot_store, network)
    assert validate(network, load(dot_store, "validation"), CPU) == history[-1].val_mse
    larger = load(dot_store, "validation", batch_size=4)
    assert validate(network, larger, CPU) == pytest.approx(history[-1].val_mse, rel=1e-5)


def test_the_validation_error_is_the_mean_squared_error(dot_store: CropStore):
    constant = nn.Sequential(nn.Flatten(), nn.Linear(48 * 64, 2), nn.Unflatten(1, (1, 2)))
    with torch.no_grad():
        constant[1].weight.zero_()
        constant[1].bias.copy_(torch.tensor([0.25, 0.75]))
    (batch,) = load(dot_store, "validation", batch_size=4).epoch()
    expected = ((batch.landmarks_unit - (0.25, 0.75)) ** 2).mean()
    mse = validate(constant, load(dot_store, "validation"), CPU)
    assert mse == pytest.approx(expected, rel=1e-5)


def test_the_training_error_counts_each_face_once(dot_store: CropStore):
    # With a learning rate of nearly zero all steps have the same network, and 3 + 3 + 2 faces.
    (result,) = run(dot_store, tiny_network(), epochs=1, lr=1e-30)
    (batch,) = load(dot_store, "train", batch_size=8).epoch(1)
    (one_step,) = run(dot_store, tiny_network(), epochs=1, lr=1e-30, batch_size=8)
    assert len(batch.images) == 8
    assert result.train_mse == pytest.approx(one_step.train_mse, rel=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_two_runs_have_equal_weights_whatever_random_numbers_torch_used_before(
    dot_store: CropStore, dropout: float
):
    networks = tiny_network(dropout=dropout), tiny_network(dropout=dropout)
    histories = []
    for torch_seed, network in enumerate(networks):
        torch.manual_seed(torch_seed)
        torch.rand(torch_seed)
        histories.append([(r.train_mse, r.val_mse) for r in run(dot_store, network)])
    assert torch.equal(flat_weights(networks[0]), flat_weights(networks[1]))
    assert histories[0] == histories[1]


def test_crops_in_a_devices_memory_train_similar_weights(dot_store: CropStore):
    network, other = tiny_network(), tiny_network()
    run(dot_store, network)
    run(dot_store, other, reader=GpuCropReader(dot_store, CPU))
    torch.testing.assert_close(flat_weights(network), flat_weights(other), atol=1e-3, rtol=0)


def test_dropout_depends_on_the_seed(dot_store: CropStore):
    def weights(dropout: float, seed: int) -> torch.Tensor:
        network = tiny_network(dropout=dropout)
        run(dot_store, network, epochs=1, seed=seed)
        return flat_weights(network)

    assert torch.equal(weights(0.5, seed=1), weights(0.5, seed=1))
    assert not torch.equal(weights(0.5, seed=1), weights(0.5, seed=2))
    assert not torch.equal(weights(0.5, seed=1), weights(0.0, seed=1))


def test_each_step_drops_other_features(dot_store: CropStore):
    network = nn.Sequential(
        nn.AvgPool2d(8), nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, 2), nn.Unflatten(1, (1, 2))
    )
    before = network[3].weight.detach().clone()
    run(dot_store, network, batch_size=1)
    # A feature that is dropped in every step would keep its initial weight.
    assert (network[3].weight != before).any(dim=0).all()


def test_divergence_names_epoch_step_and_learning_rate(dot_store: CropStore):
    with pytest.raises(
        TrainingError, match=r"epoch 1, step 2, at learning rate 1e\+30; try a smaller lr"
    ):
        run(dot_store, tiny_network(), lr=1e30, batch_size=4)


def test_divergence_in_a_later_epoch_names_it(dot_store: CropStore):
    network = tiny_network()
    results = train(network, [make_phase(dot_store, epochs=2)], MSE)
    assert next(results).epoch == 1
    with torch.no_grad():
        network[2].weight.fill_(torch.nan)
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 2, step 1"):
        next(results)


def test_after_divergence_the_network_is_that_of_the_last_checkpoint(
    dot_store: CropStore, tmp_path: Path
):
    network, one_epoch = tiny_network(), tiny_network()
    run(dot_store, one_epoch, epochs=1)
    checkpoint = CheckpointFile(tmp_path / "run.state", interval=0)  # saved at every good step
    results = train(network, [make_phase(dot_store, epochs=2)], MSE, checkpoint=checkpoint)
    next(results)
    with torch.no_grad():
        network[2].weight[:, 0] = torch.inf
        network[4].p = 1.0  # hides the weight from the first loss, but not from the check
    with pytest.raises(TrainingError, match="epoch 2, step 1, at learning rate 0.01") as caught:
        next(results)
    assert str(caught.value.last_good) == "those after epoch 1"
    assert torch.equal(flat_weights(network), flat_weights(one_epoch))


def test_a_batch_without_statistics_is_an_error_that_suggests_another_batch_size(
    dot_store: CropStore,
):
    network = nn.Sequential(
        nn.Conv2d(1, 2, (48, 64)), nn.BatchNorm2d(2), nn.Flatten(), nn.Unflatten(1, (1, 2))
    )
    message = r"more than 1 value per channel.* in epoch 1, step 2, of 1 face\(s\); .*batch_size"
    with pytest.raises(TrainingError, match=message):
        run(dot_store, network, batch_size=7)  # 7 faces, then the eighth alone


def test_an_error_of_the_networks_code_is_not_attributed_to_a_setting(dot_store: CropStore):
    network = nn.Sequential(nn.Flatten(), nn.Linear(5, 6), nn.Unflatten(1, (3, 2)))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(dot_store, network)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_divergence_in_the_last_step_is_noticed(dot_store: CropStore):
    with pytest.raises(TrainingError, match="epoch 1"):
        run(dot_store, tiny_network(), lr=1e30, epochs=1, batch_size=8)


def test_a_loss_that_is_nan_is_noticed_in_its_own_step(dot_store: CropStore):
    def broken(predicted: torch.Tensor, target: torch.Tensor, **_: object) -> torch.Tensor:
        return (predicted - target).sum() * torch.nan

    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1, step 1"):
        run(dot_store, tiny_network(), loss=broken)


def test_the_error_of_the_mean_shape_is_that_of_a_network_that_always_predicts_it(
    dot_store: CropStore,
):
    class Constant(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[[0.4, 0.6]]]).expand(len(images), -1, -1)

    batches = load(dot_store, "validation")
    error = validate_mean_shape(np.array([[0.4, 0.6]]), batches)
    assert error == pytest.approx(validate(Constant(), batches, CPU), rel=1e-6)


def test_the_log_has_a_line_per_epoch_with_the_remaining_time(capsys: pytest.CaptureFixture[str]):
    results = [EpochResult(1, 0.5, 0.25, 0.001, 60.0), EpochResult(2, 0.4, 0.2, 0.001, 30.0)]
    assert list(log_progress(iter(results), 4)) == results
    first, second = capsys.readouterr().out.splitlines()
    assert "epoch   1/4  train_mse 0.500000  val_mse 0.250000" in first
    assert first.endswith("left 3:00")  # three more of 60 s
    assert second.endswith("left 1:30")  # two more of 45 s


def test_each_epoch_is_written_when_it_ends(tmp_path: Path):
    history, metrics = tmp_path / "new folder/model.csv", tmp_path / "model.json"
    metrics.write_text("of an earlier training")
    first = EpochResult(1, 0.5, 0.25, 1e-5, 2.5)
    second = EpochResult(2, 0.123456789, 0.2, 1e-5, 2)
    recorded = record_history(iter([first, second]), history, metrics)
    assert next(recorded) == first
    assert history.read_text() == "epoch,train_mse,val_mse,lr,seconds\n1,0.5,0.25,1e-05,2.5\n"
    assert json.loads(metrics.read_text()) == {"epoch": 1, "val_mse": 0.25}
    assert next(recorded) == second
    assert history.read_text().endswith("\n1,0.5,0.25,1e-05,2.5\n2,0.12345679,0.2,1e-05,2\n")
    assert json.loads(metrics.read_text()) == {"epoch": 2, "val_mse": 0.2}


def test_a_continued_training_records_each_epoch_once(tmp_path: Path):
    history, results = tmp_path / "model.csv", [EpochResult(n, 1, 1, 1, 1) for n in (1, 2, 3)]
    next(record_history(iter(results), history))  # interrupted
    assert list(record_history(iter(results), history)) == results
    assert pd.read_csv(history)["epoch"].tolist() == [1, 2, 3]
