"""A repository whose queue is filled, worked off, and looked through."""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from repeat_time import COPIED, DVC
from ruamel.yaml import YAML
from soak_watch import Watch
from workspace import ROOT, run_in

MODEL, STAGE = "nose_net", "train@nose_net"
TINY = {"people": 5, "epochs": 60}


@dataclass(frozen=True)
class Outcome:
    """How many experiments of a queue ended how, and how many had gone on from a saved state."""

    succeeded: int
    failed: int
    went_on: int

    def __str__(self) -> str:
        went_on = f", {self.went_on} went on from a saved state" if self.went_on else ""
        return f"{self.succeeded} succeeded, {self.failed} failed{went_on}"


class SoakRepository:
    """A git and DVC repository with tiny settings, in which everything up to training was run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        for name in (*COPIED, "params.yaml"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, target)
        self._set_params(1)
        run_in(folder, ["git", "init", "--quiet"])
        for key, value in (("user.name", "Soak"), ("user.email", "soak@localhost")):
            run_in(folder, ["git", "config", key, value])
        run_in(folder, [*DVC, "repro", "prepare@nose", "fetch@weights"])
        run_in(folder, ["git", "add", "--all"])
        run_in(folder, ["git", "commit", "--quiet", "--message", "soak"])

    def work_off(self, seeds: Iterable[int], n_workers: int, watch: Watch) -> Outcome:
        """Queue an experiment per seed, wait until the workers have ended, clear the queue."""
        listed = ",".join(map(str, seeds))
        if not listed:
            return Outcome(0, 0, 0)
        queue = ["exp", "run", "--queue", "-S", f"seed={listed}", STAGE]
        run_in(self.folder, [*DVC, *queue])
        run_in(self.folder, [*DVC, "queue", "start", "-j", str(n_workers)])
        watch.until_the_workers_end(n_workers)
        status = run_in(self.folder, [*DVC, "queue", "status"])
        said = self._n_logs_that_say("goes on in epoch")
        outcome = Outcome(status.count("Success"), status.count("Failed"), said)
        run_in(self.folder, [*DVC, "queue", "remove", "--success", "--failed"])
        return outcome

    def _n_logs_that_say(self, words: str) -> int:
        logs = (self.folder / ".dvc" / "tmp" / "exps" / "run").rglob("*.out")
        return sum(words in path.read_text(errors="replace") for path in logs)

    def problems(self, seeds: Iterable[int]) -> list[str]:
        """What is not as it should be once all experiments have succeeded."""
        weights = self._weights_by_seed()
        wrong = [f"seed {seed} has no result" for seed in seeds if seed not in weights]
        status = run_in(self.folder, [*DVC, "status", "prepare@nose", "fetch@weights"])
        if "up to date" not in status:
            wrong.append(f"dvc status: {status}")
        if left := list((self.folder / ".resume").glob("*")):
            wrong.append(f".resume still has {', '.join(path.name for path in left)}")
        cache = self.folder / ".dvc" / "cache" / "files" / "md5"
        for path in filter(Path.is_file, cache.rglob("*")):
            digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            if digest != path.parent.name + path.name.removesuffix(".dir"):
                wrong.append(f"{path}: damaged in the cache")
        return wrong

    def differences(self, seeds: Iterable[int]) -> list[str]:
        """Seeds whose weights are not those of a training that nothing interrupts."""
        wrong, weights = [], self._weights_by_seed()
        for seed in seeds:
            self._set_params(seed)
            run_in(self.folder, [sys.executable, "src/train.py", MODEL])
            content = (self.folder / "models" / f"{MODEL}.safetensors").read_bytes()
            if hashlib.md5(content, usedforsecurity=False).hexdigest() != weights.get(seed):
                wrong.append(f"seed {seed}: other weights than those of an unhindered training")
        return wrong

    def _weights_by_seed(self) -> dict[int, str]:
        """Digest of the weights of every experiment that git has."""
        refs = run_in(self.folder, ["git", "for-each-ref", "--format=%(refname)", "refs/exps"])
        found = {}
        for ref in refs.split():
            if len(ref.split("/")[2]) != 2:  # refs/exps/ab/c.../NAME: others are DVC's own
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
        params["rendered"]["imm"]["people"] = TINY["people"]
        params["models"][MODEL]["epochs"] = TINY["epochs"]
        yaml.dump(params, path)
