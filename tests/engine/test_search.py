"""Searches whose trainings are a stub: a validation's score is a function of the config."""

import copy
import math
import shlex
from types import SimpleNamespace

import optuna
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop
from optuna.trial import TrialState

from mmdet_trash.engine import search as engine_search
from mmdet_trash.engine.arguments import CfgOptions
from mmdet_trash.engine.config import load_config, set_data_root
from mmdet_trash.engine.search import (
    Search,
    best_trial,
    default_trial,
    options_line,
    run_search,
    write_best,
)
from mmdet_trash.engine.search_space import search_space
from mmdet_trash.errors import InputError
from mmdet_trash.files import alone
from tests.builders import ROOT

DEMO = ROOT / "configs" / "demo" / "cascade-rcnn_tiny.py"
LR = "optim_wrapper.optimizer.lr"
BATCH = "train_dataloader.batch_size"
SPACE = (f"{LR}=log:1e-5:1e-1", f"{BATCH}=choice:2,4,8")
EPOCHS = 3


def score(cfg):
    """The highest at a learning rate of 0.01 and a batch of 4; the config's own has 1e-3 and 8."""
    return (
        1 - math.log10(cfg.optim_wrapper.optimizer.lr / 1e-2) ** 2 / 16 - abs(cfg.train_dataloader.batch_size - 4) / 40
    )


class Trainings:
    """What stands in for `run_training`: keeps the configs, and tells the hooks a score an epoch."""

    def __init__(self):
        self.cfgs = []
        self.scores = lambda cfg: [score(cfg) * epoch / EPOCHS for epoch in range(1, EPOCHS + 1)]
        self.loss = lambda number: 1.0
        self.before = lambda number: None

    def __call__(self, cfg, resume=False, hooks=()):
        self.cfgs.append(cfg)
        self.before(len(self.cfgs) - 1)
        loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
        visualizer = SimpleNamespace(close=lambda: None)
        runner = SimpleNamespace(train_loop=loop, epoch=0, iter=0, visualizer=visualizer)
        (hook,) = hooks
        folder = engine_search.Path(cfg.work_dir)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("best_mAP50_epoch_1.pth", "last.pth", ".epoch_2.pth.x"):
            (folder / name).touch()
        hook.after_train_iter(runner, 0, outputs={"loss": torch.tensor(self.loss(len(self.cfgs) - 1))})
        for value in self.scores(cfg):
            runner.epoch += 1
            hook.after_val_epoch(runner, {"mAP50": value, "mAP": value / 2})

    @property
    def tried(self):
        return [(cfg.optim_wrapper.optimizer.lr, cfg.train_dataloader.batch_size) for cfg in self.cfgs]


@pytest.fixture
def trainings(monkeypatch):
    stub = Trainings()
    monkeypatch.setattr(engine_search, "run_training", stub)
    # Of a heap with torch in it, half a second; a stub leaves nothing to collect.
    monkeypatch.setattr(engine_search.gc, "collect", lambda: 0)
    return stub


@pytest.fixture(scope="module")
def demo():
    return load_config(str(DEMO))


@pytest.fixture
def make(demo, synthetic, tmp_path):
    """A search of the demo config on the synthetic data."""

    def make(params=SPACE, options=None, name="search", metric="mAP50", data=synthetic):
        cfg = copy.deepcopy(demo)
        cfg.merge_from_dict(options or {})
        set_data_root(cfg, str(data))
        return Search(cfg, search_space(params, None, cfg), tmp_path / name, metric, from_scratch=True)

    return make


def stop_in(trial, trainings, search, trials, **options):
    """Start a search that is stopped as by kill -9: the trial that was training stays running in the database."""

    def before(number):
        if number == trial:
            raise KeyboardInterrupt

    trainings.before = before
    with pytest.raises(KeyboardInterrupt):
        run_search(search, trials, **options)


def states(study):
    return [trial.state.name for trial in study.trials]


def test_the_config_as_it_stands_is_first_and_the_best_is_better(make, trainings):
    search = make()
    study = run_search(search, 9, prune=False)
    assert trainings.tried[0] == (1e-3, 8)
    assert len(study.trials) == len(trainings.cfgs) == 9
    default, best = default_trial(search, study), best_trial(study)
    assert default.number == 0
    assert default.value == pytest.approx(1 - 1 / 16 - 4 / 40)
    assert best.value == max(map(score, trainings.cfgs)) > default.value
    lrs = [lr for lr, _ in trainings.tried]
    assert all(1e-5 <= lr <= 1e-1 for lr in lrs)
    assert {batch for _, batch in trainings.tried} <= {2, 4, 8}
    folders = [cfg.work_dir for cfg in trainings.cfgs]
    assert folders == [str(search.work_dir / f"trial{number}") for number in range(9)]
    # Of the same name in one process, MMEngine's loggers and visualizers are the same.
    assert len({cfg.experiment_name for cfg in trainings.cfgs}) == 9


def test_the_same_seed_tries_the_same_and_another_seed_other_things(make, trainings):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run_search(make(name=name), 3, seed=seed)
    tried = trainings.tried
    assert tried[:3] == tried[3:6]
    assert tried[6] == tried[0]
    assert set(tried[7:]).isdisjoint(tried[1:3])


def test_a_value_is_the_highest_of_the_validations(make, trainings):
    trainings.scores = lambda cfg: [0.2, 0.7, 0.4]
    study = run_search(make(), 1)
    assert study.best_value == 0.7
    assert study.trials[0].intermediate_values == {1: 0.2, 2: 0.7, 3: 0.4}
    assert run_search(make(metric="mAP", name="mAP"), 1).best_value == 0.35


def test_bad_trials_are_pruned_and_good_ones_are_not(make, trainings):
    study = run_search(make(), 10)
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert pruned and len(pruned) + len(complete) == 10
    assert all(len(trial.intermediate_values) < EPOCHS for trial in pruned)
    best = best_trial(study)
    assert best.value == max(map(score, trainings.cfgs))
    assert all(trial.intermediate_values[1] < best.intermediate_values[1] for trial in pruned)


def test_without_pruning_every_trial_is_complete(make, trainings):
    trainings.scores = lambda cfg: [1 / len(trainings.cfgs)]  # each is worse than all before
    assert states(run_search(make(), 7, prune=False)) == ["COMPLETE"] * 7
    trainings.cfgs.clear()
    assert states(run_search(make(name="pruned"), 7)) == ["COMPLETE"] * 5 + ["PRUNED"] * 2


def test_a_stopped_search_goes_on_where_it_was(make, trainings):
    stop_in(3, trainings, make(), 7, seed=5, prune=False)
    assert len(trainings.cfgs) == 4
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{make().work_dir}/study.db")
    assert states(study) == ["COMPLETE"] * 3 + ["RUNNING"]

    study = run_search(make(), 7, seed=5, prune=False, resume=True)
    assert states(study) == ["COMPLETE"] * 3 + ["FAIL"] + ["COMPLETE"] * 4
    assert trainings.tried[4] == trainings.tried[3], "what was stopped is tried first"
    tried = trainings.tried[:3] + trainings.tried[4:]
    assert len(tried) == len(set(tried)) == 7, "nothing is tried twice"
    assert default_trial(make(), study).number == 0

    run_search(make(), 7, seed=5, resume=True)
    assert len(trainings.cfgs) == 8, "what is done is done"
    run_search(make(), 8, seed=5, resume=True)
    assert len(trainings.cfgs) == 9


def test_a_kill_during_a_resume_loses_nothing_and_doubles_nothing(make, trainings, monkeypatch):
    stop_in(2, trainings, make(), 4)
    with monkeypatch.context() as patch:

        def killed(*args, **kwargs):
            raise KeyboardInterrupt

        # Between the two: what was stopped is waiting already, and is not yet marked as failed.
        patch.setattr(optuna.Study, "tell", killed)
        with pytest.raises(KeyboardInterrupt):
            run_search(make(), 4, resume=True)
    assert len(trainings.cfgs) == 3
    study = run_search(make(), 4, resume=True)
    assert sorted(states(study)) == ["COMPLETE"] * 4 + ["FAIL"]
    assert trainings.tried[3] == trainings.tried[2]
    assert len(set(trainings.tried)) == 4


def test_a_search_stopped_in_its_first_trial_still_begins_with_the_config(make, trainings):
    stop_in(0, trainings, make(), 2)
    study = run_search(make(), 2, resume=True)
    assert states(study) == ["COMPLETE"] * 2
    assert trainings.tried[:2] == [(1e-3, 8)] * 2


def test_resume_without_a_study_begins_one(make, trainings):
    assert states(run_search(make(), 2, resume=True)) == ["COMPLETE"] * 2


def test_a_trial_that_runs_out_of_memory_or_diverges_fails_and_the_search_goes_on(make, trainings):
    faults = {
        1: MemoryError(),
        2: torch.cuda.OutOfMemoryError("CUDA out of memory"),
        3: RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
    }

    def fail(number):
        if number in faults:
            raise faults[number]

    trainings.before = fail
    trainings.loss = lambda number: math.nan if number == 5 else math.inf if number == 6 else 1.0
    trainings.scores = lambda cfg: [math.nan if len(trainings.cfgs) == 8 else 0.5]
    study = run_search(make(), 3)
    reasons = {trial.number: trial.user_attrs["reason"] for trial in study.trials if trial.state == TrialState.FAIL}
    assert reasons == {
        1: "out of memory",
        2: "out of memory",
        3: "out of memory",
        5: "loss is nan at iteration 1",
        6: "loss is inf at iteration 1",
        7: "mAP50 is nan",
    }
    assert states(study).count("COMPLETE") == 3


def test_trials_that_all_fail_end_the_search(make, trainings):
    trainings.loss = lambda number: math.nan
    with pytest.raises(InputError, match="5 trials failed one after another, the last one: loss is nan at iteration 1"):
        run_search(make(), 20)
    assert len(trainings.cfgs) == 5


def test_another_fault_is_not_hidden(make, trainings):
    def fail(number):
        raise RuntimeError("a fault of ours")

    trainings.before = fail
    with pytest.raises(RuntimeError, match="a fault of ours"):
        run_search(make(), 2)


def test_a_mistake_ends_the_search_and_can_be_mended(make, trainings):
    with pytest.raises(InputError, match=r"^--metric mAP51: the validation gives mAP50, mAP$"):
        run_search(make(metric="mAP51"), 2)
    assert len(trainings.cfgs) == 1
    assert states(run_search(make(), 2, resume=True)) == ["COMPLETE"] * 2


def test_a_training_that_is_never_validated_is_a_mistake(make, trainings):
    trainings.scores = lambda cfg: []
    with pytest.raises(InputError, match="nothing is validated"):
        run_search(make(), 2)


def test_a_work_dir_with_a_search_is_refused_without_resume(make, trainings):
    run_search(make(), 1)
    with pytest.raises(InputError, match=r"study\.db: holds a search already; --resume goes on with it"):
        run_search(make(), 2)
    assert len(trainings.cfgs) == 1


CHANGES = [
    ({"params": (f"{LR}=log:1e-5:1e-2", SPACE[1])}, f"--param {LR} was log:1e-5:1e-1, is log:1e-5:1e-2;"),
    ({"params": SPACE[:1]}, f"--param {BATCH} was choice:2,4,8, is None;"),
    ({"options": {"train_cfg.max_epochs": 7}}, "train_cfg.max_epochs was 15, is 7;"),
    ({"options": {"param_scheduler.1.end": 7}}, "param_scheduler.1.end was 15, is 7;"),
    ({"options": {"model.neck.in_channels": [1, 2]}}, "model.neck.in_channels was [32, 64, 128, 256], is [1, 2];"),
    ({"options": {LR: 2e-3}}, f"{LR} was 0.001, is 0.002;"),
    ({"metric": "mAP"}, "--metric was mAP50, is mAP;"),
]


def test_a_search_of_something_else_is_not_resumed(make, trainings):
    run_search(make(), 1)
    for changed, message in CHANGES:
        with pytest.raises(InputError) as error:
            run_search(make(**changed), 2, resume=True)
        assert f"study.db: is a search of something else: {message}" in str(error.value)
        assert "\n" not in str(error.value)
    assert len(trainings.cfgs) == 1


def test_other_data_is_not_resumed_on_and_moved_data_is(make, trainings, dataset, edit_json):
    run_search(make(), 1)
    run_search(make(data=dataset), 2, resume=True)
    assert len(trainings.cfgs) == 2
    edit_json(dataset / "train.json", lambda coco: coco["annotations"].pop())
    with pytest.raises(
        InputError, match=r"something else: train_dataloader train\.json was \w+, is \w+; val_dataloader"
    ):
        run_search(make(data=dataset), 3, resume=True)


def test_a_file_that_is_no_study_is_refused(make, trainings):
    make().work_dir.mkdir()
    (make().work_dir / "study.db").write_text("not a database, and long enough to have a header " * 9)
    with pytest.raises(InputError, match=r"study\.db: is no study of optuna's: file is not a database"):
        run_search(make(), 1, resume=True)


def test_a_search_that_is_running_is_left_alone(make, trainings, monkeypatch):
    run_search(make(), 1)
    monkeypatch.setattr("mmdet_trash.files.LEAVING", 0.1)
    with (
        alone(make().work_dir),
        pytest.raises(InputError, match="another process is at work there; wait for it, or take another folder"),
    ):
        run_search(make(), 2, resume=True)
    run_search(make(), 2, resume=True)
    assert len(trainings.cfgs) == 2


def test_checkpoints_are_kept_of_the_best_trial_alone(make, trainings):
    search = make()

    def kept():
        return sorted({path.parent.name for path in search.work_dir.glob("*/*.pth*")})

    seen = []
    trainings.before = lambda number: seen.append(kept())
    study = run_search(search, 6)
    assert kept() == [f"trial{best_trial(study).number}"]
    assert len(list((search.work_dir / kept()[0]).iterdir())) == 3
    assert seen[1] == ["trial0"]
    assert all(len(folders) == 1 for folders in seen[1:])


@pytest.mark.parametrize(
    "cfg_options",
    [
        {},
        {"train_cfg.max_epochs": 4, "param_scheduler.1.T_max": 4, "model.neck.in_channels": [8, 16, 32, 64]},
        {LR: 2e-3, "optim_wrapper.optimizer.betas": (0.8, 0.99)},
        {"env_cfg.note": "a;b"},
    ],
)
def test_what_is_found_can_be_pasted_or_inherited(make, trainings, tmp_path, cfg_options):
    """Both the options and the file give what a trial trained, read by MMEngine itself."""
    space = (*SPACE, "train_dataloader.dataset.pipeline.2.scale=choice:(128,128),(256,256)")
    space += ("param_scheduler.1.eta_min_ratio=float:0:1",)
    search = make(space, dict(cfg_options))
    best = run_search(search, 2).trials[1]
    options = {**cfg_options, **search.options(best.params)}

    flag, *texts = shlex.split(options_line(options))
    assert flag == "--cfg-options"
    parsed = SimpleNamespace()
    CfgOptions([], "cfg_options")(None, parsed, texts)
    pasted = load_config(str(DEMO), parsed.cfg_options)

    path = tmp_path / "elsewhere" / "best.py"
    write_best(path, str(DEMO), search.drawn(best.params), options, "what it is")
    assert path.read_text().startswith("# what it is\n_base_ = '")
    inherited = load_config(str(path))
    for cfg in (pasted, inherited):
        set_data_root(cfg, search.cfg.train_dataloader.dataset.data_root)
        assert cfg.to_dict() == search.drawn(best.params).to_dict()
    trained = trainings.cfgs[best.number]
    assert trained.optim_wrapper.optimizer.to_dict() == inherited.optim_wrapper.optimizer.to_dict()
    assert trained.train_dataloader.dataset.pipeline == inherited.train_dataloader.dataset.pipeline


def test_a_config_that_nothing_beats_is_inherited_as_it_is(make, tmp_path):
    search = make()
    path = tmp_path / "best.py"
    write_best(path, str(DEMO), search.cfg, [], "the config as it stands")
    assert Config.fromfile(path).to_dict() == Config.fromfile(DEMO).to_dict()
    assert len(path.read_text().split()) < 12
