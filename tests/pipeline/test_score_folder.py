"""A model is scored on another folder of its data set as evaluate scores it on its own."""

import json

import pytest
from workspace import Workspace

COMMAND = ("python", "tools/score_folder.py", "models/nose_net_16ch.safetensors", "--raw")


def test_on_its_own_set_a_model_has_the_scores_of_evaluate(ran: Workspace) -> None:
    output = ran.run(*COMMAND, "data/raw/imm")
    scores = {}
    for folder in ("scores", "details"):
        scores |= json.loads((ran.folder / f"metrics/{folder}/nose_net_16ch.json").read_text())
    without_baseline = {key: value for key, value in scores.items() if "baseline" not in key}
    assert json.loads(output[output.index("{") :]) == without_baseline


def test_a_folder_that_does_not_hold_the_set_is_told(ran: Workspace) -> None:
    output = ran.run(*COMMAND, "data/raw/ibug", check=False)
    assert "error: data/raw/ibug: " in output
    assert "exit code 1" in output


def test_a_linear_map_is_fitted_to_a_few_training_faces(ran: Workspace) -> None:
    command = ("python", "tools/score_folder.py", "models/face_net.safetensors")
    outputs = [ran.run(*command, "--raw", "data/raw/imm", *fit) for fit in ((), ("--fit", "3"))]
    plain, fitted = (json.loads(output[output.index("{") :]) for output in outputs)
    assert fitted["faces"] == plain["faces"]
    assert fitted["nme"] != plain["nme"]


def test_a_single_point_has_no_map(ran: Workspace) -> None:
    output = ran.run(*COMMAND, "data/raw/imm", "--fit", "3", check=False)
    assert "error: --fit: a map of 1 point(s) is not supported" in output


@pytest.mark.parametrize(
    ("model", "dataset", "n_lines"),
    [
        ("resnet18", "ibug", 5 + 39 + 5),  # parts, pairs of points and single ones, sizes
        ("face_net", "imm", 5 + 31),  # whole photos have no sizes
    ],
)
def test_the_offset_of_labels_is_measured(
    ran: Workspace, model: str, dataset: str, n_lines: int
) -> None:
    output = ran.run(
        *("python", "tools/label_offset.py", f"models/{model}.safetensors"),
        *("--raw", f"data/raw/{dataset}", "--faces", "6"),
    )
    first, *lines, last = (line for line in output.splitlines() if " faces" in line)
    assert first.startswith("train") and last.startswith("validation")
    assert len(lines) == n_lines
