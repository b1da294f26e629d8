"""What a folder says of its own files: a seal by which one that was cut, altered or mixed up is known."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from charrnn_jax.io.download import sha256

FORMAT = 1
MANIFEST = "manifest.json"


def write_manifest(folder: Path, step: int, score: float | None, arrays: dict[str, str]) -> None:
    """Writes it, behind all other files, and waits until everything is on disk."""
    files = {str(path.relative_to(folder)): sha256(path.read_bytes()) for path in _files(folder)}
    manifest = {"format": FORMAT, "step": step, "score": score, "arrays": arrays, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest | {"seal": _seal(manifest)}, indent=1), encoding="utf-8")
    to_disk([*_files(folder), *(path for path in folder.rglob("*") if path.is_dir()), folder])


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises ValueError where it is not what was written."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(manifest, dict) or manifest.pop("seal", None) != _seal(manifest):
        raise ValueError(f"{MANIFEST} has changed")
    if manifest["format"] != FORMAT:
        raise ValueError(f"it has format {manifest['format']}, this version reads {FORMAT}")
    return manifest


def checked_manifest(folder: Path) -> dict[str, Any]:
    """The same, where every file of the folder is what was written. Raises ValueError where one is not."""
    manifest = read_manifest(folder)
    files = manifest["files"]
    for name, digest in files.items():
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
        if sha256((folder / name).read_bytes()) != digest:
            raise ValueError(f"{name} has changed")
    if {str(file.relative_to(folder)) for file in _files(folder)} != {*files, MANIFEST}:
        raise ValueError("it has files of another")
    return manifest


def to_disk(paths: Iterable[Path]) -> None:
    """Waits until the files and the names in the folders would survive a loss of power."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _seal(manifest: dict[str, Any]) -> str:
    return sha256(json.dumps(manifest, sort_keys=True).encode())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
