"""Where the standard corpora are on this machine: $CHARRNN_DATA, or a folder beside the repository."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[2] / "shared" / "corpora"
FOLDER = Path(os.environ.get("CHARRNN_DATA", BESIDE))

needs_corpora = pytest.mark.skipif(not FOLDER.is_dir(), reason="no folder of standard corpora: set CHARRNN_DATA")
