"""Settings, weights and learning that cannot be used: the stage stops, says why, leaves nothing."""

import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate import evaluate
from keypoints.config.params import read_params
from keypoints.core.cli import run_stage
from keypoints.models.build import build_network
from keypoints.models.predict import ModelInfo, save_model
from submit import submit
from train import train_model

COMMITTED = Path(__file__).parents[2] / "params.yaml"
PARAMS = read_params(COMMITTED)
TEXT = COMMITTED.read_text()


class Stopped:
    """A stage in a folder of its own, run in this process as its script runs it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._set = monkeypatch
        monkeypatch.chdir(folder)
        monkeypatch.delenv("DVC_ROOT", raising=False)

    def says(self, stage: Callable[[str], None], item: str) -> str:
        """The message of a stage that ends with exit code 1 and leaves no file."""
        before = self._files()
        self._set.setattr(sys, "argv", ["stage.py", item])
        with pytest.raises(SystemExit) as caught:
            run_stage(stage, None)
        said = caught.value.code  # a text is printed, and the exit code is 1
        assert isinstance(said, str) and said.startswith("error: ")
        assert self._files() == before
        return said

    def _files(self) -> set[Path]:
        return set(self.folder.rglob("*"))


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stopped:
    (tmp_path / "params.yaml").write_text(TEXT)
    return Stopped(tmp_path, monkeypatch)


def without_models(block: str) -> str:
    return TEXT[: TEXT.index("\nmodels:")] + f"\nmodels: {block}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT + "\nleraning: 1\n", r"params\.yaml: leraning is not a setting"),
        (TEXT.replace("epochs: 20", "epoch: 20", 1), r"epoch is not a .*; did you mean epochs\?"),
        (TEXT.replace("lr: 0.001", "lr: fast"), r"params\.yaml: lr should be a valid number"),
        (TEXT.replace("lr: 0.001", "lr: -1e-3"), r"lr should be greater than 0; got -0\.001"),
        (TEXT.replace("lr: 0.001", "lr: '1e-05'"), r"lr should be a valid number; got '1e-05'"),
        (
            TEXT.replace("channels: 32", "channels: 3200", 1),
            r"channels should be less than or equal",
        ),
        (without_models("{}"), r"params\.yaml: models should have at least 1 item; got \{\}"),
        (without_models(""), r"params\.yaml: models should be a block of settings; got None"),
        (TEXT.replace("    task: nose #", "    #", 1), r"models\.nose_net\.task is missing"),
        (TEXT.replace("task: nose #", "task: mouth #", 1), r"task must be one of .*; got 'mouth'"),
        (
            TEXT.replace("  nose_net_3x3:", "  nose_net:"),
            r'params\.yaml: duplicate key "nose_net" in line \d+: .* rename or remove',
        ),
        (TEXT.replace("  nose_net_3x3:", "  33:"), r"models\.33 has a name that is no text: 33"),
        ("lr: &a [*a]\n", r"params\.yaml: not YAML: it stands for more than 10,000 values"),
        ("lr: [[[\n", r"params\.yaml: not YAML: .* in line \d+"),
        ("x" * (300 << 10), r"params\.yaml: larger than 262,144 bytes"),
        (
            "base: nowhere.yaml\n",
            r"nowhere\.yaml: No such file.*; params\.yaml names it as its base",
        ),
        ("base: params.yaml\n", r"params\.yaml: base should name a file .* has no base itself"),
    ],
)
def test_settings_stop_the_stage(stopped: Stopped, text: str, said: str) -> None:
    assert text != TEXT
    (stopped.folder / "params.yaml").write_text(text)
    assert re.search(said, stopped.says(train_model, "nose_net"))


def test_the_file_with_the_wrong_setting_is_named_whichever_of_the_two_it_is(
    stopped: Stopped,
) -> None:
    (stopped.folder / "base.yaml").write_text(TEXT.replace("lr: 0.001", "lr: fast"))
    (stopped.folder / "params.yaml").write_text("base: base.yaml\nmodles: {}\n")
    said = stopped.says(train_model, "nose_net")
    assert "base.yaml: lr should be" in said
    assert "params.yaml: modles is not a setting; did you mean models?" in said


def save_nose(path: Path, *, name: str = "nose_net", task: str = "nose", **other: Any) -> None:
    """A model file of another model, landmark count or crop, where asked."""
    n_points = 58 if task == "face" else 1
    model = PARAMS.models["nose_net"].model_copy(update={"channels": 2, "hidden": 2})
    settings = ModelInfo(
        name=name, seed=1, lr=0.1, scheme="imm58", model=model, task=PARAMS.tasks[task]
    )
    network = build_network(model, PARAMS.tasks["nose"], n_points, seed=1)
    save_model(path, network, settings.model_copy(update=other))


class TouchesAFile:
    """Pickled code: unpickling it makes a file."""

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (Path("made by the pickle"),)


def save_pickle(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"conv1.weight": TouchesAFile()}, protocol=2))


def save_truncated(path: Path) -> None:
    save_nose(path)
    path.write_bytes(path.read_bytes()[:-100])


def save_not_finite(path: Path) -> None:
    save_nose(path)
    content = bytearray(path.read_bytes())
    content[-4:] = b"\0\0\xc0\x7f"  # float32 NaN
    path.write_bytes(content)


def save_other_count(path: Path) -> None:
    save_nose(path, task="face")  # 58 points in the settings' task


@pytest.mark.parametrize("stage", [evaluate, submit])
@pytest.mark.parametrize(
    ("save", "said"),
    [
        (save_pickle, "not a model of this project"),
        (save_truncated, "not a model of this project"),
        (save_not_finite, "has a number that is not finite"),
        (save_other_count, r"is float32 \(\d.*\) where its settings ask for float32 \(\d"),
    ],
)
def test_model_files_stop_the_stage(
    stopped: Stopped, stage: Callable[[str], None], save: Callable[[Path], None], said: str
) -> None:
    save(Path("models/nose_net.safetensors"))
    message = stopped.says(stage, "nose_net")
    assert message.startswith("error: models/nose_net.safetensors: ")
    assert re.search(said, message)
    assert message.endswith("train it")
