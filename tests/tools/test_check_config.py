import re

import pytest

from tests.builders import ROOT

CASCADE = "configs/cascade_rcnn/cascade-rcnn_r50_fpn_1x_trash.py"


@pytest.fixture(autouse=True)
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def mine(tmp_path):
    """A config with one fault in its third line."""
    path = tmp_path / "mine.py"
    path.write_text(f'_base_ = "{ROOT / CASCADE}"\n\noptim_wrapper = dict(optimizer=dict(type="AdamW"))\n')
    return path


@pytest.mark.slow
def test_no_config_of_ours_has_a_fault(tool):
    result = tool("check_config", "--all")
    assert (result.code, result.err) == (0, ""), result.out
    assert result.out.endswith(" configs, no fault found\n") and int(result.out.split()[0]) > 50


def test_a_fault_is_a_line_and_the_exit_code_1(tool, mine):
    result = tool("check_config", CASCADE, mine)
    assert (result.code, result.err) == (1, "")
    assert result.out == (
        f"{mine}:3: 'momentum' of configs/_base_/schedules/schedule_1x.py:9 stays, and AdamW does not take it; "
        "_delete_=True beside the type drops what is inherited\n"
    )


def test_a_fault_of_a_shared_base_is_told_once(tool):
    options = ["--cfg-options", "train_cfg.max_epochs=6"]
    result = tool("check_config", CASCADE, "configs/faster_rcnn/faster-rcnn_r50_fpn_1x_trash.py", *options)
    assert result.code == 1 and result.out.count("\n") == 1
    assert "schedule_1x.py:14: of the milestones [8, 11] it never gets to 8 and 11: max_epochs is 6" in result.out


def test_what_cannot_be_read_does_not_hide_the_faults_of_another(tool, mine, tmp_path):
    wrong = [tmp_path / "a.py", tmp_path / "b.py"]
    for path in wrong:
        path.write_text("model = dict(")
    result = tool("check_config", wrong[0], mine, wrong[1])
    assert result.code == 2 and result.out.startswith(f"{mine}:3: 'momentum'") and result.out.count("\n") == 1
    first, second = result.err.splitlines()
    assert first.startswith(f"error: {wrong[0]}: SyntaxError") and second.startswith(f"error: {wrong[1]}: SyntaxError")


def test_environment_variables_that_configs_read_are_not_told(tool, monkeypatch):
    monkeypatch.setenv("TRASH_DATA_ROOT", "elsewhere")
    result = tool("check_config", CASCADE)
    assert (result.code, result.out, result.err) == (0, "1 config, no fault found\n", "")


def test_options_and_data_are_looked_at(tool, dataset):
    options = ["--cfg-options", "train_cfg.max_epochs=12", "train_cfg.val_interval=3"]
    result = tool("check_config", CASCADE, "--data-root", dataset, *options)
    assert (result.code, result.out) == (0, "1 config, no fault found\n"), result.out


def test_a_size_of_images_can_be_given(tool, tmp_path):
    path = tmp_path / "mine.py"
    step = 'dict(type="Resize", scale=(1333, 800), keep_ratio=True)'
    path.write_text(f'_base_ = "{ROOT / CASCADE}"\nval_dataloader = dict(dataset=dict(pipeline=[{step}]))\n')
    assert tool("check_config", path).code == 1
    result = tool("check_config", path, "--image-size", 1000, 1000)
    assert f"{path}:2: 1333x800 shrinks images of 1000x1000 to 800 px" in result.out


def test_the_chain_is_shown(tool, mine):
    result = tool("check_config", mine, "--chain", "optim_wrapper.optimizer")
    assert result.code == 0, result.err
    assert result.out.splitlines() == [
        str(mine),
        f"    {CASCADE}",
        "        configs/_base_/models/cascade-rcnn_r50_fpn.py",
        "            configs/_base_/models/resnet50_fpn.py",
        "        configs/_base_/datasets/trash_detection.py",
        "        configs/_base_/schedules/schedule_1x.py",
        "        configs/_base_/default_runtime.py",
        f"optim_wrapper.optimizer.type = 'AdamW'  # {mine}:3, over configs/_base_/schedules/schedule_1x.py:9",
        "optim_wrapper.optimizer.lr = 0.02  # configs/_base_/schedules/schedule_1x.py:9",
        "optim_wrapper.optimizer.momentum = 0.9  # configs/_base_/schedules/schedule_1x.py:9",
        "optim_wrapper.optimizer.weight_decay = 0.0001  # configs/_base_/schedules/schedule_1x.py:9",
    ]


def test_a_chain_that_cannot_be_read_says_why(tool, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f'_base_ = "{ROOT / CASCADE}"\nneck = _base_.model.nek\n')
    result = tool("check_config", path, "--chain")
    assert result.code == 1 and f"{path}:2: _base_.model.nek is in none of the files" in result.out


def test_the_page_shows_what_is_printed(tool, tmp_path):
    page = (ROOT / "docs" / "check_config.md").read_text()
    (config,) = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    faults, chain = re.findall(r"```text\n(.+?)```", page, re.DOTALL)
    path = tmp_path / "work_dirs" / "my_cascade.py"
    path.parent.mkdir()
    path.write_text(config)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    keys = re.search(r"my_cascade\.py --chain (.+)", page)[1].split()
    for arguments, printed in (([], faults), (["--chain", *keys], chain)):
        assert tool("check_config", path, *arguments).out.replace(f"{tmp_path}/", "") == printed


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (None, [], "mine.py: no such config"),
        ("model = dict(", [], "mine.py: SyntaxError"),
        ("model = dict(a=1, a=2)", [], "mine.py: SyntaxError: keyword argument repeated: a"),
        ("a = b", [], "mine.py: NameError: name 'b' is not defined"),
        ("a = 1", ["--chain", "b"], "has no 'b'; 'a' is the nearest there is"),
        ("a = 1", ["--cfg-options", "a.b=1"], "--cfg-options does not fit"),
        ("a = 1", ["--cfg-options", "a"], "--cfg-options a: KEY=VALUE is right"),
        ("a = 1", ["--data-root", "nowhere"], "--data-root nowhere: no such folder"),
        ("a = 1", ["--all"], "either CONFIG or --all is right"),
    ],
)
def test_what_it_cannot_use_is_one_line(tool, tmp_path, text, arguments, message):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    result = tool("check_config", path, *arguments)
    assert result.code == 2 and message in result.err and "Traceback" not in result.err


def test_nothing_to_check_is_one_line(tool):
    assert tool("check_config").err == "error: either CONFIG or --all is right\n"
