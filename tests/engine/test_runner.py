import os
import tempfile
from pathlib import Path

import pytest
from mmengine.config import Config

from mmdet_trash.engine.runner import build_runner, check_nms, config_mistakes
from mmdet_trash.errors import InputError


def test_a_work_dir_without_permission_is_told_at_once():
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder)
        locked.chmod(0o555)
        root = os.geteuid() == 0
        if root:  # who may write anywhere
            os.seteuid(65534)
        try:
            with pytest.raises(PermissionError) as error:
                build_runner(Config({"work_dir": str(locked / "work")}))
        finally:
            if root:
                os.seteuid(0)
    assert error.value.filename.startswith(str(locked / "work"))
    assert error.value.strerror == "cannot write here: Permission denied"


@pytest.mark.parametrize(("launcher", "command"), [("pytorch", "torchrun"), ("slurm", "srun"), ("mpi", "mpirun")])
def test_a_launcher_that_launched_nothing_says_how_to_start(tmp_path, launcher, command):
    with pytest.raises(InputError, match=f"--launcher {launcher}: .* is not set; start it with: {command} "):
        build_runner(Config({"work_dir": str(tmp_path), "launcher": launcher}))


@pytest.mark.parametrize("error", [KeyError("x"), KeyError(), TypeError("unsupported operand"), ValueError("x")])
def test_other_faults_keep_their_traceback(error):
    with pytest.raises(type(error)) as caught, config_mistakes():
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("nms", "message"),
    [
        ({"type": "diu_nms", "iou_threshold": 0.5}, "config: nms type 'diu_nms' is unknown; did you mean 'diou_nms'?"),
        ({"type": "batched_nms"}, "config: nms type 'batched_nms' is unknown; did you mean 'matrix_nms'?"),
        (
            {"type": "matrix_nms", "iou_threshold": 0.5},
            "config: nms type 'matrix_nms' got an unexpected keyword argument 'iou_threshold'; "
            "_delete_=True drops what is inherited",
        ),
        (
            {"type": "diou_nms"},
            "config: nms type 'diou_nms' missing a required argument: 'iou_threshold'; "
            "_delete_=True drops what is inherited",
        ),
    ],
)
def test_a_suppression_that_mmcv_would_stumble_over_is_told_at_once(tmp_path, nms, message):
    with pytest.raises(InputError) as error:
        build_runner(Config({"work_dir": str(tmp_path), "model": {"test_cfg": [{"rcnn": {"nms": nms}}]}}))
    assert str(error.value) == message


@pytest.mark.parametrize(
    "nms",
    [
        {"type": "nms", "iou_threshold": 0.5, "class_agnostic": True, "split_thr": 100, "max_num": 3},
        {"iou_thr": 0.5},
        {"type": "soft_nms", "method": "gaussian", "min_score": 0.05},
        {"type": "diou_nms", "iou_threshold": 0.5},
        {"type": "matrix_nms", "kernel": "linear"},
        None,
    ],
)
def test_a_suppression_of_mmcvs_or_ours_passes(nms):
    check_nms(Config({"nms": nms}))
