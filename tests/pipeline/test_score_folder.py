"""A model is scored on another folder of its data set as evaluate scores it on its own."""

import json

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
