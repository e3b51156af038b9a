"""A repository that queues experiments, runs them, and checks the results."""

import hashlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from noop_repro import DVC, copy_project
from ruamel.yaml import YAML
from soak_monitor import WorkerMonitor
from workspace import run_in

MODEL, STAGE = "nose_net", "train@nose_net"
INPUTS = ("prepare@nose", "weights")  # stages before the training
PEOPLE, EPOCHS = 5, 60


@dataclass(frozen=True)
class Outcome:
    """Numbers of experiments of a queue that succeeded, failed, and continued a checkpoint."""

    succeeded: int
    failed: int
    continued: int

    def __str__(self) -> str:
        continued = f", {self.continued} continued from a checkpoint" if self.continued else ""
        return f"{self.succeeded} succeeded, {self.failed} failed{continued}"


class SoakRepository:
    """A git and DVC repository with tiny settings, in which the stages before training have run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        copy_project(folder)
        self._set_params(1)
        run_in(folder, ["git", "init", "--quiet"])
        for key, value in (("user.name", "Soak"), ("user.email", "soak@localhost")):
            run_in(folder, ["git", "config", key, value])
        run_in(folder, [*DVC, "repro", *INPUTS])
        run_in(folder, ["git", "add", "--all"])
        run_in(folder, ["git", "commit", "--quiet", "--message", "soak"])

    def run_experiments(
        self, seeds: Iterable[int], n_workers: int, monitor: WorkerMonitor
    ) -> Outcome:
        """Queue an experiment per seed, wait until the workers have ended, and clear the queue."""
        listed = ",".join(map(str, seeds))
        if not listed:
            return Outcome(0, 0, 0)
        queue = ["exp", "run", "--queue", "-S", f"seed={listed}", STAGE]
        run_in(self.folder, [*DVC, *queue])
        run_in(self.folder, [*DVC, "queue", "start", "-j", str(n_workers)])
        monitor.wait_for_workers(n_workers)
        status = run_in(self.folder, [*DVC, "queue", "status"])
        continued = self._count_logs_with("continuing in epoch")
        outcome = Outcome(status.count("Success"), status.count("Failed"), continued)
        run_in(self.folder, [*DVC, "queue", "remove", "--success", "--failed"])
        return outcome

    def _count_logs_with(self, text: str) -> int:
        logs = (self.folder / ".dvc" / "tmp" / "exps" / "run").rglob("*.out")
        return sum(text in path.read_text(errors="replace") for path in logs)

    def find_problems(self, seeds: Iterable[int]) -> list[str]:
        """Check the repository after all experiments have succeeded; returns what is wrong."""
        weights = self._weights_by_seed()
        problems = [f"seed {seed} has no result" for seed in seeds if seed not in weights]
        status = run_in(self.folder, [*DVC, "status", *INPUTS])
        if "up to date" not in status:
            problems.append(f"dvc status: {status}")
        if left := list((self.folder / ".resume").glob("*")):
            problems.append(f".resume still contains {', '.join(path.name for path in left)}")
        cache = self.folder / ".dvc" / "cache" / "files" / "md5"
        for path in filter(Path.is_file, cache.rglob("*")):
            digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            if digest != path.parent.name + path.name.removesuffix(".dir"):
                problems.append(f"{path}: its content does not have the digest of its name")
        return problems

    def find_differences(self, seeds: Iterable[int]) -> list[str]:
        """Train seeds again without interruption; returns those that have other weights then."""
        problems, weights = [], self._weights_by_seed()
        for seed in seeds:
            self._set_params(seed)
            run_in(self.folder, [sys.executable, "src/train.py", MODEL])
            content = (self.folder / "models" / f"{MODEL}.safetensors").read_bytes()
            if hashlib.md5(content, usedforsecurity=False).hexdigest() != weights.get(seed):
                problems.append(f"seed {seed}: other weights than without interruption")
        return problems

    def _weights_by_seed(self) -> dict[int, str]:
        """Digest of the weights of every experiment in git."""
        refs = run_in(self.folder, ["git", "for-each-ref", "--format=%(refname)", "refs/exps"])
        found = {}
        for ref in refs.split():
            if len(ref.split("/")[2]) != 2:  # experiments are refs/exps/ab/c.../NAME
                continue
            lock = YAML(typ="safe").load(run_in(self.folder, ["git", "show", f"{ref}:dvc.lock"]))
            stage = lock["stages"].get(STAGE)
            if stage:
                outs = {out["path"]: out["md5"] for out in stage["outs"]}
                seed = stage["params"]["params.yaml"]["seed"]
                found[seed] = outs[f"models/{MODEL}.safetensors"]
        return found

    def _set_params(self, seed: int) -> None:
        yaml, path = YAML(), self.folder / "params.yaml"
        params = yaml.load(path)
        params["seed"] = seed
        params["datasets"]["imm"]["rendered"]["people"] = PEOPLE
        params["models"][MODEL]["epochs"] = EPOCHS
        yaml.dump(params, path)
