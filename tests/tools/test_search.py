"""The search from the command line: really trained, killed, and every way it can end early."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys

import optuna
import pytest

from mmdet_trash.engine.config import load_config
from tests.builders import ROOT
from tests.tiny import TINY

DEMO = ROOT / "configs" / "demo" / "cascade-rcnn_tiny.py"
LR = "optim_wrapper.optimizer.lr"
PARAMS = ("--param", f"{LR}=log:1e-4:1e-2", "--param", "param_scheduler.1.eta_min_ratio=float:0:0.5")


def trials_of(work_dir):
    return optuna.load_study(study_name="search", storage=f"sqlite:///{work_dir}/study.db").trials


def validations(folder):
    """mAP50 of each validation of a training, as it logged them."""
    (log,) = folder.glob("*/vis_data/scalars.json")
    lines = map(json.loads, log.read_text().splitlines())
    return [line["mAP50"] for line in lines if "mAP50" in line]


@pytest.mark.slow
def test_a_search_trains_and_what_it_writes_trains_alike(tool, synthetic, tmp_path):
    args = ("--data-root", synthetic, "--from-scratch", "--work-dir", tmp_path / "work")
    result = tool("search", DEMO, *args, *PARAMS, "--trials", 2, *TINY)
    assert result.code == 0, result.err
    trials = trials_of(tmp_path / "work")
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 2
    assert trials[0].params == {LR: 1e-3, "param_scheduler.1.eta_min_ratio": 0.02}
    for trial in trials:
        logged = validations(tmp_path / "work" / f"trial{trial.number}")
        assert list(trial.intermediate_values.values()) == pytest.approx(logged)
        assert list(trial.intermediate_values) == [1, 2]
        assert trial.value == pytest.approx(max(logged))
    best = max(trials, key=lambda trial: trial.value)
    assert {path.parent.name for path in tmp_path.glob("work/*/*.pth")} == {f"trial{best.number}"}

    table, end = result.out.rsplit("best: ", 1)
    for trial in trials:
        assert re.search(rf"│ {trial.number} +│ complete │ .* │ {trial.value:.4f} │", table)
    said, options, path = end.splitlines()
    assert said.startswith(f"trial {best.number}, mAP50 {best.value:.4f}, ")
    assert path == str(tmp_path / "work" / "best.py")
    assert options.startswith("--cfg-options train_dataloader.batch_size=4 ")
    assert load_config(path).optim_wrapper.optimizer.lr == best.params[LR]

    flag, *pasted = shlex.split(options)
    assert flag == TINY[0]
    again = tool(
        "train", DEMO, "--data-root", synthetic, "--from-scratch", "--work-dir", tmp_path / "again", flag, *pasted
    )
    assert again.code == 0, again.err
    assert validations(tmp_path / "again") == pytest.approx(list(best.intermediate_values.values()))


@pytest.mark.slow
def test_a_killed_search_goes_on(tool, synthetic, tmp_path):
    """kill -9 within the second trial: the first is kept, the second trained anew with the same settings."""
    work_dir = tmp_path / "work"
    args = [DEMO, "--data-root", synthetic, "--from-scratch", "--work-dir", work_dir, *PARAMS, "--trials", 2]
    args += [*TINY, "train_cfg.max_epochs=1"]
    command = [sys.executable, "tools/search.py", *map(str, args)]
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, **options, env=environment) as process:
        trainings = 0
        for line in process.stdout:
            trainings += "Epoch(train) [1][2/4]" in line
            if trainings == 2:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    killed = trials_of(work_dir)
    assert [trial.state.name for trial in killed] == ["COMPLETE", "RUNNING"]

    resumed = tool("search", *args, "--resume")
    assert resumed.code == 0, resumed.err
    trials = trials_of(work_dir)
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert trials[2].params == killed[1].params != killed[0].params
    assert trials[0].value == killed[0].value
    assert "failed: stopped" in resumed.out
    assert resumed.out.count("Epoch(train) [1][1/4]") == 1, "what is complete is not trained again"


def last_line(result):
    assert result.code == 2, result.out + result.err
    assert "Traceback" not in result.err
    return result.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "error: nothing to search: --param FIELD=KIND:… or --space FILE is needed"),
        (("--param", "lr"), "error: --param lr: FIELD=KIND:… is right, where a kind is float:LOW:HIGH, log:LOW:HIGH"),
        (("--param", "optim_wrapper.optimizer.lrr=log:1e-4:1e-2"), f"training reads; did you mean '{LR}'?"),
        (
            ("--param", f"{LR}=log:1:2"),
            f"error: {LR}: the config's own value 0.001 is tried first and is not in log:1:2",
        ),
        (("--param", f"{LR}=log:0:2"), f"error: {LR}=log:0:2: a range on a log scale begins above 0"),
        (("--space", "none.yaml"), "error: none.yaml: no such file"),
        ((*PARAMS, "--launcher", "pytorch"), "error: --launcher pytorch: a search trains in one process"),
        ((*PARAMS, "--fold", 1), "error: --folds-dir and --fold go together"),
        ((*PARAMS, "--trials", 0), "argument --trials: '0': a whole number of 1 or more is right"),
        ((*PARAMS, "--amp"), "error: --amp needs a GPU"),
    ],
)
def test_a_mistake_is_one_line(tool, synthetic, tmp_path, monkeypatch, args, message):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = tool("search", DEMO, "--data-root", synthetic, "--work-dir", tmp_path / "work", *args)
    assert message in last_line(result)
    assert not (tmp_path / "work").exists()


def test_a_work_dir_that_holds_a_search_is_one_line(tool, synthetic, tmp_path):
    (tmp_path / "study.db").touch()
    result = tool("search", DEMO, "--data-root", synthetic, "--work-dir", tmp_path, *PARAMS)
    assert last_line(result).startswith(f"error: {tmp_path}/study.db: holds a search already; --resume goes on with it")
