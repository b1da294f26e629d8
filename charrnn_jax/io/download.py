"""Files of published corpora: from a folder, or downloaded once into the user's cache; by their sha256 either way."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from charrnn_jax.errors import InputError

PACKAGES = 'pip install "charrnn_jax[experiments]"'


class Source(NamedTuple):
    """One file of a published corpus."""

    path: str
    """Below the data folder."""
    sha256: str
    mirrors: tuple[str, ...]


def data_folder(data_dir: Path | None) -> Path | None:
    """The folder that the user names, here or in CHARRNN_DATA; None where it is the cache."""
    named = os.environ.get("CHARRNN_DATA")
    return data_dir or (Path(named) if named else None)


def fetch(source: Source, data_dir: Path | None) -> bytes:
    """The file from the data folder if one is given, else from the cache, downloaded the first time.

    Raises InputError where it is not there, cannot be downloaded, or is another file.
    """
    folder = data_folder(data_dir)
    path = folder / source.path if folder else _download(source)
    if not path.exists():
        raise InputError(
            f"{path} does not exist: put the file there, or give no folder (--data-dir, CHARRNN_DATA) to download it"
        )
    content = path.read_bytes()
    if sha256(content) != source.sha256:
        raise InputError(f"{path} has sha256 {sha256(content)[:12]}… and not {source.sha256[:12]}…: replace the file")
    return content


def _download(source: Source) -> Path:
    try:
        import pooch
    except ImportError:
        raise InputError(f"downloads need pooch: {PACKAGES}") from None
    target = Path(pooch.os_cache("charrnn_jax")) / source.path
    reasons = []
    for url in source.mirrors:
        try:
            pooch.retrieve(url, f"sha256:{source.sha256}", target.name, target.parent)
            return target
        except (OSError, ValueError) as error:  # no connection, a bad answer, another file
            reasons.append(f"{url}: {type(error).__name__}")
    raise InputError(f"could not download {target.name} ({'; '.join(reasons)}): put it at {target}, or use --data-dir")


def sha256(content: bytes) -> str:
    """The digest in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
