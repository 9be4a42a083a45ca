import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.reports.browser import OPTIONS


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        assert "CI" not in os.environ, f"no browser, one of {', '.join(names)} is needed"
        pytest.skip("no browser: apt-get install chromium brings one")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield chromium
        chromium.close()
