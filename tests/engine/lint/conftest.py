from collections.abc import Callable

import pytest

from mmdet_trash.engine.lint import Finding, Loader, check_config
from tests.builders import ROOT
from tests.engine.lint.texts import Bases


@pytest.fixture(scope="session")
def loader() -> Loader:
    """What keeps our own configs from being read again for each test."""
    return Loader()


@pytest.fixture
def findings(tmp_path, monkeypatch, loader) -> Callable[..., list[Finding]]:
    """Check `mine.py`, which inherits from configs of ours and says something more from its second line on."""
    monkeypatch.chdir(ROOT)

    def find(bases: Bases, text: str, **arguments) -> list[Finding]:
        path = tmp_path / "mine.py"
        names = [str(base) for base in bases] if isinstance(bases, list) else str(bases)
        path.write_text(f"_base_ = {names!r}\n{text}\n")
        return check_config(str(path), loader=loader, **arguments)

    return find
