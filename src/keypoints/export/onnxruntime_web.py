"""The files of onnxruntime-web that the demo serves: a package of npm, checked by its digest."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

from keypoints.core.errors import PipelineError, first_line

VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
PACKAGE = f"onnxruntime-web-{VERSION}.tgz"
FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)


class DemoError(PipelineError):
    """The demo cannot be built; the message says why and the way out."""


def put_onnxruntime_web(folder: Path, downloads: Path) -> None:
    """Unpack what the demo needs.

    Args:
        folder: Gets FILES.
        downloads: Keeps the package; npm brings it where it is missing.

    Raises:
        DemoError: If npm is missing or fails, or the package is not the one expected.
    """
    package = downloads / PACKAGE
    if not package.is_file():
        _pack(downloads)
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise DemoError(f"{package}: not the package that is expected (its SHA-512); remove it")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package) as archive:
        for name in FILES:
            member = archive.extractfile(f"package/dist/{name}")
            assert member is not None, "the digest says that the package has it"
            (folder / name).write_bytes(member.read())


def _pack(downloads: Path) -> None:
    """Let npm bring the package, from the registry that it is set up for."""
    npm = shutil.which("npm")
    if npm is None:
        raise DemoError(
            "npm is missing, which brings onnxruntime-web: install Node.js, or put "
            f"{PACKAGE} into {downloads}/ yourself"
        )
    downloads.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [npm, "pack", f"onnxruntime-web@{VERSION}", "--pack-destination", str(downloads)],
        capture_output=True,
        text=True,
    )
    if done.returncode or not (downloads / PACKAGE).is_file():
        problem = first_line(RuntimeError(done.stderr.strip()))
        raise DemoError(f"npm could not bring onnxruntime-web {VERSION}: {problem}")
