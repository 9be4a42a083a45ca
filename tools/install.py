#!/usr/bin/env python3
"""Make a virtual environment with the pinned stack. Runs on a bare Python: standard library only.

The order matters. mmcv compiles its operators against the torch that is already installed; built without one it
installs silently without operators. `opencv-python`, which mmcv asks for, needs libGL; the headless build is laid
over it, so both count as installed and neither needs a screen.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
BUILD_TOOLS = ["pip", "setuptools>=77", "wheel", "ninja"]
INSTALLED = """
from importlib.metadata import distributions
for found in distributions(name="onedl-mmcv"):
    if any(str(file).startswith("mmcv/_ext") for file in found.files or ()):
        print(found.version)
"""
CHECK = """
import cv2, mmcv._ext, mmdet
gui = next(line for line in cv2.getBuildInformation().splitlines() if "GUI:" in line)
assert "NONE" in gui, f"OpenCV is not the headless build: {gui}"
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python3 tools/install.py .venv   (make demo and make test call it)",
    )
    parser.add_argument("venv", type=Path, help="folder of the environment, made when it is missing")
    args = parser.parse_args()
    if sys.version_info < (3, 11):
        fail(f"Python {platform.python_version()} is too old: 3.11 or 3.12 is right; try make PYTHON=python3.12")

    if sys.version_info >= (3, 13):
        step(f"Python {platform.python_version()} is not tested; 3.11 and 3.12 are, as in make PYTHON=python3.12")
    python = args.venv / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", args.venv)
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))

    step(f"torch {pins['torch']}")
    pip(python, "install", *BUILD_TOOLS, f"torch=={pins['torch']}", f"numpy=={pins['numpy']}")
    mmcv = mmcv_requirement(python, pins["onedl-mmcv"])
    step("the other packages")
    pip(python, "install", "--no-build-isolation", mmcv, "-e", f"{ROOT}[dev]")
    headless = f"opencv-python-headless=={pins['opencv-python-headless']}"
    pip(python, "install", "--force-reinstall", "--no-deps", headless)
    run(python, "-W", "ignore", "-c", CHECK)
    step("done")


def mmcv_requirement(python: Path, version: str) -> "str | Path":
    """What to install as mmcv: the version that is there already with its operators, or a wheel."""
    if output(python, "-c", INSTALLED) == version:
        step(f"mmcv {version} is installed with its operators")
        return f"onedl-mmcv=={version}"
    return mmcv_wheel(python, version)


def mmcv_wheel(python: Path, version: str) -> Path:
    """The wheel of mmcv with its operators: from the cache when it was built before, else compiled now."""
    torch = output(python, "-c", "import torch; print(torch.__version__)")
    tag = f"mmcv{version}-torch{torch}-py{sys.version_info.major}{sys.version_info.minor}-{platform.machine()}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmdet_trash" / "wheels" / tag
    for wheel in cache.glob("*.whl"):
        if has_operators(wheel):
            step(f"mmcv {version}, built before: {wheel}")
            return wheel

    if shutil.which("c++") is None and "CXX" not in os.environ:
        fail("mmcv's operators need a C++ compiler: apt-get install g++")
    step(f"mmcv {version}: compiling its operators, about six minutes on two cores")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        env = {**os.environ, "MMCV_WITH_OPS": "1", "MAX_JOBS": str(os.cpu_count()), **header_path(Path(scratch))}
        requirement = f"onedl-mmcv=={version}"
        pip(python, "wheel", "--no-build-isolation", "--no-deps", "-w", scratch, requirement, env=env)
        built = next(Path(scratch).glob("*.whl"))
        if not has_operators(built):
            fail(f"{built.name} was built without mmcv._ext, mmcv's compiled operators")
        return built.replace(cache / built.name)


def has_operators(wheel: Path) -> bool:
    """Whether a wheel is whole and holds `mmcv._ext`."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return any(name.startswith("mmcv/_ext") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def header_path(scratch: Path) -> dict[str, str]:
    """Environment that lets the compiler find Python.h.

    Debian and Ubuntu keep it in a package of its own. Where that is not installed it is unpacked beside the build,
    which takes no root.
    """
    include = Path(sysconfig.get_path("include"))
    if (include / "Python.h").exists():
        return {}
    package = f"libpython3.{sys.version_info.minor}-dev"
    try:
        download = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package]
        subprocess.run(download, cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg-deb", "-x", next(scratch.glob("*.deb")), scratch / "root"], check=True)
    except (OSError, subprocess.CalledProcessError, StopIteration):
        fail(f"mmcv's operators need Python.h, which is not in {include}: apt-get install {package}")
    headers = scratch / "root" / "usr" / "include"
    return {"CPATH": f"{headers / include.name}:{headers}"}


def pip(python: Path, *args: "str | Path", env: "dict[str, str] | None" = None) -> None:
    run(python, "-m", "pip", "--quiet", "--disable-pip-version-check", *args, env=env)


def run(*command: "str | Path", env: "dict[str, str] | None" = None) -> None:
    result = subprocess.run(command, env=env)
    if result.returncode:
        fail(f"this command ended with code {result.returncode}: {' '.join(map(str, command))}")


def output(*command: "str | Path") -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def step(message: str) -> None:
    print(f"[set-up] {message}", flush=True)


def fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
