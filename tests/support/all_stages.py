"""Run every stage in one process, on one core: `python all_stages.py FOLDER`.

What no stage may do on rendered faces is an error here, whichever library does it: using the
network, starting a shell or a program other than git, unpickling.
"""

import os
import sys
from pathlib import Path
from typing import Any

FORBIDDEN = ("os.exec", "os.posix_spawn", "os.spawn", "os.system", "pickle.", "socket.")


def forbid(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook of Python."""
    if event.startswith(FORBIDDEN) or (event == "subprocess.Popen" and arguments[0] != "git"):
        raise RuntimeError(f"no stage should do this: {event} {arguments}")


def main() -> None:
    """Call the stages in the order of dvc.yaml."""
    import evaluate
    import fetch
    import predict
    import prepare
    import report
    import submit
    import train
    import weights
    from keypoints.config.params import read_params
    from keypoints.core.predictions import has_predictions
    from keypoints.core.timing import timed

    sys.addaudithook(forbid)
    params = read_params()
    for dataset in params.names("datasets"):
        timed("fetch", fetch.fetch)(name=dataset)
    weights.fetch_weights()
    for task in params.names("tasks"):
        timed("prepare", prepare.prepare)(name=task)
    for model in params.names("models"):
        train.train(model)
        predict.predict(model)
        timed("evaluate", evaluate.evaluate)(name=model)
        if has_predictions(model, "test"):
            timed("submit", submit.submit)(name=model)
    report.report()


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    sys.path.insert(0, str(Path("src").resolve()))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # so nothing needs a pool of processes
    main()
