import hashlib
from pathlib import Path

import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.fusion import Calibration, FusionSettings
from mmdet_trash.fusion.manifest import Manifest, Source, current_versions, read_manifest, write_manifest


def test_what_is_written_is_read(tmp_path: Path) -> None:
    curve = Calibration("isotonic", (((0.0, 0.1, 1.0), (0.0, 1 / 3, 0.9)),))
    settings = FusionSettings(
        iou_thr=(0.1 + 0.2, 0.5), weights=(1.0, (0.5, 0.0)), calibration=(curve, None), within=FusionSettings("nms")
    )
    source = Source("a.csv", "00ff")
    manifest = Manifest(settings, (source, (source, source)), source, ((source, source),), {"nested_map50": [0.1, 0.2]})
    write_manifest(manifest, tmp_path / "m.yaml")
    assert read_manifest(tmp_path / "m.yaml") == manifest


def test_versions_name_what_computes() -> None:
    assert set(current_versions()) == {"mmdet_trash", "python", "numpy", "numba", "polars"}


def test_a_file_of_settings_alone_is_enough(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("settings: {method: nms, iou_thr: 0.4}\n")
    assert read_manifest(tmp_path / "m.yaml").settings == FusionSettings("nms", iou_thr=0.4)


def test_a_source_is_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"boxes")
    source = Source.of(path)
    assert source.sha256 == hashlib.sha256(b"boxes").hexdigest()
    source.check()
    path.write_bytes(b"boxes!")
    with pytest.raises(InputError, match=r"a.csv: is not the file that the manifest names, its sha256 is another$"):
        source.check()
    path.unlink()
    with pytest.raises(InputError, match=r"a.csv: no such file, which the manifest names$"):
        source.check()


WRONG = {
    "a list": ("- 1\n", "is no manifest, a mapping with `settings` is right"),
    "no settings": ("inputs: []\n", "is no manifest, a mapping with `settings` is right"),
    "no YAML": ("settings: {a: [\n", "not YAML: "),
    "an unknown setting": ("settings: {iou: 0.5}\n", "setting 'iou' is unknown, one of method, iou_thr, "),
    "a wrong value": ("settings: {iou_thr: 2}\n", "iou_thr is 2, a number between 0 and 1 is right"),
    "an input that is none": ("settings: {}\ninputs: [a.csv]\n", "'a.csv' is no input, `file` and `sha256` are right"),
    "scores that are none": ("settings: {}\nscores: 7\n", "is no manifest as tools/ensemble.py and "),
    "code": ("settings: !!python/object/apply:os.system ['true']\n", "not YAML: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_malformed_manifest_is_one_line(tmp_path: Path, name: str) -> None:
    text, message = WRONG[name]
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_manifest(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_a_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"m.yaml: no such file$"):
        read_manifest(tmp_path / "m.yaml")
