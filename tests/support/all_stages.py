"""Run every stage in one process, on one core, with no way out: `python all_stages.py FOLDER`.

What no stage may do unless it downloads is an error here, whichever library does it: use the
network, start a shell or a program other than git, unpickle.
"""

import os
import sys
from pathlib import Path
from typing import Any

FORBIDDEN = ("os.exec", "os.posix_spawn", "os.spawn", "os.system", "pickle.", "socket.")


def forbid(event: str, arguments: tuple[Any, ...]) -> None:
    """Python calls this before whatever it audits."""
    if event.startswith(FORBIDDEN) or (event == "subprocess.Popen" and arguments[0] != "git"):
        raise RuntimeError(f"no stage should do this: {event} {arguments}")


def main() -> None:
    """Call the stages as dvc.yaml orders them."""
    import evaluate
    import fetch
    import prepare
    import report
    import submit
    import train
    from keypoints.competition.registry import COMPETITIONS
    from keypoints.config.params import read_params

    sys.addaudithook(forbid)
    params = read_params()
    asked_for = {competition.dataset for competition in COMPETITIONS.values()}
    for item in (*fetch.READERS, "weights"):
        fetch.fetch(item)
    for task in params.tasks:
        prepare.prepare(task)
    for name, model in params.models.items():
        train.train_model(name)
        evaluate.evaluate(name)
        if params.task(model.task).dataset in asked_for:
            submit.submit(name)
    report.report()


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    sys.path.insert(0, str(Path("src").resolve()))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # so nothing needs a pool of processes
    main()
