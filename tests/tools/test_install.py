import importlib.util
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from tests.builders import ROOT


@pytest.fixture(scope="module")
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "tools" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wheel(path: Path, names: Iterable[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 1000)
    return path


OPERATORS = "mmcv/_ext.cpython-311-x86_64-linux-gnu.so"


def test_a_wheel_has_operators_or_not(install: ModuleType, tmp_path: Path) -> None:
    assert install.has_operators(wheel(tmp_path / "a.whl", ["mmcv/__init__.py", OPERATORS]))
    assert not install.has_operators(wheel(tmp_path / "b.whl", ["mmcv/__init__.py", "other/_ext.so"]))


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_wheel_cut_short_has_none(install: ModuleType, tmp_path: Path, share: float) -> None:
    path = wheel(tmp_path / "a.whl", ["mmcv/__init__.py", OPERATORS])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert not install.has_operators(path)


def test_a_python_with_headers_needs_no_path(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Python.h").write_text("")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert install.header_path(tmp_path / "scratch") == {}


def test_without_headers_and_apt_the_package_is_named(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "include"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as stop:
        install.header_path(tmp_path)
    assert stop.value.code == 2
    package = f"libpython3.{sys.version_info.minor}-dev"
    assert capsys.readouterr().err == (
        f"error: mmcv's operators need Python.h, which is not in {tmp_path}/include: apt-get install {package}\n"
    )


def test_a_cached_wheel_is_taken_without_building(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(install, "output", lambda *command: "9.9.9")
    monkeypatch.setattr(install, "pip", lambda *args, **kwargs: pytest.fail("pip was called"))
    tag = f"mmcv1.2.3-torch9.9.9-py3{sys.version_info.minor}-{install.platform.machine()}"
    folder = tmp_path / "mmdet_trash" / "wheels" / tag
    folder.mkdir(parents=True)
    path = wheel(folder / "onedl_mmcv-1.2.3-cp3.whl", [OPERATORS])
    assert install.mmcv_wheel(Path("python"), "1.2.3") == path


def test_a_failed_command_is_named(install: ModuleType, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        install.run(sys.executable, "-c", "raise SystemExit(3)")
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        f"error: this command ended with code 3: {sys.executable} -c raise SystemExit(3)\n"
    )


def test_the_pins_it_reads_are_in_the_requirements(install: ModuleType) -> None:
    pins = dict(install.re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), install.re.MULTILINE))
    assert {"torch", "onedl-mmcv", "opencv-python-headless"} <= pins.keys()


def test_it_needs_the_standard_library_only() -> None:
    # -S leaves out site-packages.
    command = [sys.executable, "-S", "-E", ROOT / "tools" / "install.py", "--help"]
    assert subprocess.run(command, capture_output=True, text=True).returncode == 0
