from pathlib import Path

import pytest

from tests.builders import write_jpeg


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images of 100x80 pixels under `train/`."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(4):
        write_jpeg(folder / "train" / f"{index:04}.jpg")
    return folder
