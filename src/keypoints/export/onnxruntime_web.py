"""Provides the files of onnxruntime-web: an npm package, verified by its SHA-512 digest."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

from keypoints.core.errors import PipelineError

VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
PACKAGE = f"onnxruntime-web-{VERSION}.tgz"
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def unpack_onnxruntime_web(folder: Path, downloads: Path) -> None:
    """Unpack FILES into a folder, scripts as .js; npm downloads their package if it is missing.

    Raises:
        PipelineError: If npm is missing or fails, or the package has another digest.
    """
    package = downloads / PACKAGE
    if not package.is_file():
        _download(downloads)
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise PipelineError(
            f"{package}: its SHA-512 digest differs from the expected one; remove the file to "
            "download it again"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package) as archive:
        for name in FILES:
            member = archive.extractfile(f"package/dist/{name}")
            assert member is not None, "a package with this digest contains the file"
            # Some web servers do not send files with the suffix .mjs as scripts.
            (folder / name.replace(".mjs", ".js")).write_bytes(member.read())


def _download(downloads: Path) -> None:
    """Download the package from the registry that npm is configured for."""
    npm = shutil.which("npm")
    if npm is None:
        raise PipelineError(
            "npm, which downloads onnxruntime-web, is missing: install Node.js, or put "
            f"{PACKAGE} into {downloads}/ yourself"
        )
    downloads.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [npm, "pack", f"onnxruntime-web@{VERSION}", "--pack-destination", str(downloads)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode or not (downloads / PACKAGE).is_file():
        lines = done.stderr.strip().splitlines()
        problem = next((line for line in lines if "err" in line.lower()), "".join(lines[:1]))
        raise PipelineError(
            f"npm could not download onnxruntime-web {VERSION} ({problem or done.returncode}): "
            f"check npm's registry, or put {PACKAGE} into {downloads}/ yourself"
        )
