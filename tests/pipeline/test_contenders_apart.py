"""The contenders beside the root project: neither disturbs the other, and they have a queue."""

from workspace import Workspace


def test_the_root_project_does_not_mention_them(
    workspace: Workspace, contenders: Workspace
) -> None:
    ran = workspace.dvc("exp", "run", "-S", "models.nose_net.epochs=2", "evaluate@nose_net")
    assert "WARNING" not in ran
    name = next(line.split()[-1] for line in ran.splitlines() if "Ran experiment" in line)
    workspace.dvc("checkout")
    workspace.dvc("exp", "apply", name.strip("'\"."))
    workspace.dvc("repro")
    assert workspace.dvc("status").strip() == "Data and pipelines are up to date."
    for command in (
        ("exp", "show", "--csv"),
        ("metrics", "show"),
        ("metrics", "diff"),
        ("dag",),
        ("plots", "show", "--json"),
    ):
        output = workspace.dvc(*command)
        assert "contenders" not in output and "sharp_224" not in output, command


def test_a_contender_is_trained_through_the_queue(contenders: Workspace) -> None:
    contenders.dvc("exp", "run", "--queue", "-S", "models.sharp_256.epochs=2", "train@sharp_256")
    contenders.dvc("exp", "run", "--run-all")
    shown = contenders.dvc("exp", "show", "--csv")
    assert "models.sharp_256.epochs" in shown
