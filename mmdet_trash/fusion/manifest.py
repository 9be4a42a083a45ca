"""Manifests: YAML files that say what was fused and how, so that it can be done again."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from mmdet_trash import __version__
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write, read_yaml
from mmdet_trash.fusion.settings import FusionSettings

LIBRARIES = ("numpy", "numba", "polars")
"""Whose versions can change a digit of the result."""


@dataclass(frozen=True)
class Source:
    """A file that was read, by what it held.

    Attributes:
        file: its path, as it was given.
        sha256: of its bytes, in hex.
    """

    file: str
    sha256: str

    @classmethod
    def of(cls, path: str | Path) -> Source:
        """Take a file's hash.

        Raises:
            OSError: when it cannot be read.
        """
        with Path(path).open("rb") as file:
            return cls(str(path), hashlib.file_digest(file, "sha256").hexdigest())

    def check(self) -> None:
        """Check that the file still holds what it held.

        Raises:
            InputError: when it is missing or another.
        """
        if not Path(self.file).is_file():
            raise InputError(f"{self.file}: no such file, which the manifest names")
        if Source.of(self.file).sha256 != self.sha256:
            raise InputError(f"{self.file}: is not the file that the manifest names, its sha256 is another")


@dataclass(frozen=True)
class Manifest:
    """How files were fused, or are to be.

    Attributes:
        settings: how.
        inputs: the files, in the order that weights and calibration are in; groups of files that stand for one model
            are lists. Empty where settings were tuned.
        annotations: the annotation file of the images; None where settings were tuned.
        tuned_on: for each fold its ground truth and its files, where settings were tuned.
        scores: figures that belong to the settings, by name.
        versions: of this package, Python and the libraries that compute.
    """

    settings: FusionSettings
    inputs: tuple[Any, ...] = ()
    annotations: Source | None = None
    tuned_on: tuple[tuple[Source, ...], ...] = ()
    scores: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: current_versions())


def current_versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries that compute."""
    own = {"mmdet_trash": __version__, "python": platform.python_version()}
    return {**own, **{name: version(name) for name in LIBRARIES}}


def write_manifest(manifest: Manifest, path: str | Path) -> None:
    """Write a manifest, whole or not at all."""
    content = {
        "settings": manifest.settings.to_dict(),
        "inputs": _plain(manifest.inputs),
        "annotations": _plain(manifest.annotations),
        "tuned_on": _plain(manifest.tuned_on),
        "scores": manifest.scores,
        "versions": manifest.versions,
    }
    with atomic_write(path) as file:
        yaml.safe_dump(
            {name: part for name, part in content.items() if part},
            file,
            sort_keys=False,
            default_flow_style=None,
            width=120,
        )


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest, or a YAML file of nothing but `settings`.

    Raises:
        InputError: naming the file, when it is missing, no YAML, or holds something that is not right.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or "settings" not in content:
        raise InputError(f"{path}: is no manifest, a mapping with `settings` is right")
    try:
        return Manifest(
            settings=FusionSettings.from_dict(content["settings"]),
            inputs=tuple(_source(entry) for entry in content.get("inputs") or ()),
            annotations=_source(content["annotations"]) if content.get("annotations") else None,
            tuned_on=tuple(_source(fold) for fold in content.get("tuned_on") or ()),
            scores=dict(content.get("scores") or {}),
            versions=dict(content.get("versions") or {}),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (TypeError, ValueError):
        raise InputError(f"{path}: is no manifest as tools/ensemble.py and tools/tune_ensemble.py write it") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Source):
        return {"file": value.file, "sha256": value.sha256}
    return [_plain(item) for item in value] if isinstance(value, Sequence) else value


def _source(entry: Any) -> Any:
    if isinstance(entry, list):
        return tuple(_source(item) for item in entry)
    if not isinstance(entry, dict) or set(entry) != {"file", "sha256"}:
        raise InputError(f"{entry!r} is no input, `file` and `sha256` are right")
    return Source(str(entry["file"]), str(entry["sha256"]))
