import pytest

from tests.datasets.transforms.painted import OBJECTS, Painted, paint


@pytest.fixture(scope="session")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Painted:
    """Objects whose label is their number."""
    return paint(tmp_path_factory.mktemp("painted"), list(range(OBJECTS)))
