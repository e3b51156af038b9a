"""The weights stage, with weights from a mirror folder."""

import hashlib
import io
import shutil
import zipfile
from pathlib import Path

import pytest
from stages import Stages
from workspace import ROOT

from keypoints.core.weights_folder import find_teacher, find_weights
from keypoints.download.pretrained import pretrained_address

with io.BytesIO() as _file:
    with zipfile.ZipFile(_file, "w") as _archive:
        _archive.writestr("data.pkl", b"weights")
    WEIGHTS = _file.getvalue()
COMMITTED = ROOT / "pretrained/resnet18_rendered.safetensors"
RESNET = "resnet18-f37072fd.pth"


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    stages = Stages(tmp_path, monkeypatch)
    stages.set_params({"models.resnet18.pretrained": False})
    return stages


def test_random_weights_need_no_mirror(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    stages.set_params({"mirror": "no/folder"})
    assert stages.run("weights") == ""
    assert "resnet18: random" in capsys.readouterr().out
    assert find_weights(Path("data/weights/resnet18")) is None
    assert find_teacher(Path("data/weights/resnet18")) is None


def test_weights_of_one_model_leave_the_others_alone(stages: Stages) -> None:
    assert stages.run("weights") == ""
    (stages.mirror / "own.pth").write_bytes(WEIGHTS)
    stages.set_params({"models.resnet18.pretrained": "own.pth"})
    assert stages.run("weights", "resnet18") == ""
    assert find_weights(Path("data/weights/resnet18")) == Path("data/weights/resnet18/own.pth")
    assert Path("data/weights/resnet18/own.pth").read_bytes() == WEIGHTS
    assert find_weights(Path("data/weights/nose_net")) is None


def test_weights_read_no_other_settings(stages: Stages) -> None:
    stages.set_params({"models.nose_net.epochs": "typo", "tasks.nose": 3, "source": "typo"})
    assert stages.run("weights") == ""


def test_timms_weights_are_compared_with_the_digest_in_their_name(stages: Stages) -> None:
    stages.set_params({"models.resnet18.pretrained": True})
    (stages.mirror / RESNET).write_bytes(WEIGHTS)
    message = stages.run("weights", "resnet18")
    assert "models.resnet18: " in message
    assert "sha256 should begin with f37072fd" in message
    assert not Path("data/weights/resnet18").exists()


def test_a_file_of_the_repository_is_preferred_to_the_mirror(stages: Stages) -> None:
    name = f"own-{hashlib.sha256(WEIGHTS).hexdigest()[:8]}.pth"
    (stages.mirror / name).write_bytes(WEIGHTS[::-1])
    Path(name).write_bytes(WEIGHTS)
    stages.set_params({"models.resnet18.pretrained": name})
    assert stages.run("weights", "resnet18") == ""
    assert Path("data/weights/resnet18", name).read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("pretrained", "set `pretrained:` of the model to true (timm's weights) or false (random)"),
        ("teacher", "set `teacher:` of the model to null (none)"),
    ],
)
def test_a_missing_file_names_its_key_and_the_remedies(
    stages: Stages, key: str, remedy: str
) -> None:
    stages.set_params({f"models.resnet18.{key}": "none.pth"})
    stages.refuse(
        "weights",
        "resnet18",
        f"models.resnet18: {key}: none.pth: no source provides this file",
        "Set `mirror:` in params.yaml",
        remedy,
    )


def test_a_file_that_is_no_weights_file_is_refused(stages: Stages) -> None:
    Path("page.pth").write_text("<html>404</html>")
    stages.set_params({"models.resnet18.pretrained": "page.pth"})
    stages.refuse("weights", "resnet18", "page.pth: neither a .safetensors nor a .pth")


def test_the_teacher_is_copied_beside_the_initial_weights(
    stages: Stages, capsys: pytest.CaptureFixture[str]
) -> None:
    (stages.mirror / "large.safetensors").write_bytes(WEIGHTS)
    stages.set_params({"models.nose_net.teacher": "large.safetensors"})
    stages.refuse("weights", "nose_net", "teacher: ", "large.safetensors: not a model of this")
    shutil.copy(COMMITTED, stages.mirror / "large.safetensors")
    assert stages.run("weights", "nose_net") == ""
    assert "nose_net: random; teacher large.safetensors from " in capsys.readouterr().out
    for name in ("._large.safetensors", ".DS_Store"):  # as macOS adds to folders
        Path("data/weights/nose_net/teacher", name).touch()
    found = find_teacher(Path("data/weights/nose_net"))
    assert found is not None
    assert found.read_bytes() == COMMITTED.read_bytes()


def test_a_model_of_another_kind_is_refused_before_the_training(stages: Stages) -> None:
    shutil.copy(COMMITTED, "own.safetensors")
    own = {"pretrained": "own.safetensors", "backbone": "resnet34"}
    stages.set_params({f"models.resnet18.{key}": value for key, value in own.items()})
    kind = "a network of the kind regression on resnet18, from which regression on resnet34 cannot"
    stages.refuse("weights", "resnet18", "models.resnet18: pretrained: ", kind)
    stages.set_params({"models.resnet18.backbone": "resnet18.tv_in1k"})
    assert stages.run("weights", "resnet18") == ""


def test_an_unknown_model_or_backbone_is_named(stages: Stages) -> None:
    assert "models has no 'resnet81'; it has nose_net" in stages.run("weights", "resnet81")
    stages.set_params({"models.resnet18.pretrained": True, "models.resnet18.backbone": "resnet81"})
    assert "timm has no backbone 'resnet81'; did you mean resnet" in stages.run("weights")
    stages.set_params({"models.resnet18.pretrained": False})
    assert "timm has no backbone 'resnet81'" in stages.run("weights", "resnet18")


def test_the_problems_of_all_models_are_named_together(stages: Stages) -> None:
    stages.set_params({f"models.{name}.teacher": "none.pth" for name in ("nose_net", "face_net")})
    stages.refuse("weights", "", "models.nose_net: teacher: none", "models.face_net: teacher: none")


@pytest.mark.parametrize(
    ("backbone", "address"),
    [
        ("resnet18.tv_in1k", f"https://download.pytorch.org/models/{RESNET}"),
        (
            "mobilenetv4_conv_aa_large.e230_r384_in12k",
            "https://huggingface.co/timm/mobilenetv4_conv_aa_large.e230_r384_in12k"
            "/resolve/main/model.safetensors",
        ),
    ],
)
def test_the_address_of_weights_is_that_of_timm(backbone: str, address: str) -> None:
    assert pretrained_address(backbone) == address
