import subprocess
import sys

import mmdet.registry
import pytest
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import DefaultScope, Registry

import mmdet_trash.registry as ours

KINDS = [name for name, value in vars(mmdet.registry).items() if isinstance(value, Registry) and value.scope == "mmdet"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mmdetection_has_a_child(kind):
    child, parent = getattr(ours, kind), getattr(mmdet.registry, kind)
    assert child.scope == "mmdet_trash"
    assert child.parent is parent
    assert parent.children["mmdet_trash"] is child


@pytest.mark.parametrize(
    ("registry", "name"),
    [(ours.MODELS, "DETR"), (ours.TRANSFORMS, "PackDetInputs"), (ours.HOOKS, "LoggerHook"), (ours.MODELS, "BN")],
)
def test_what_we_do_not_define_falls_through(registry, name):
    assert registry.get(name) is not None


def test_ours_is_found_first_and_a_prefix_names_theirs():
    from mmengine.hooks import CheckpointHook

    assert ours.HOOKS.get("CheckpointHook").__module__.startswith("mmdet_trash.")
    assert ours.HOOKS.get("mmengine.CheckpointHook") is CheckpointHook


def test_the_root_registry_finds_ours_in_our_scope():
    with DefaultScope.overwrite_default_scope("mmdet_trash"), ROOT_MODELS.switch_scope_and_registry(None) as registry:
        assert registry is ours.MODELS


@pytest.mark.slow
def test_a_fresh_process_finds_everything_by_importing_the_registry_alone():
    code = (
        "from mmdet_trash.registry import DATASETS, HOOKS, METRICS, MODELS\n"
        "assert DATASETS.get('TrashDataset') and METRICS.get('TrashMetric') and HOOKS.get('CheckpointHook')\n"
        "assert MODELS.get('CascadeRCNN') and DATASETS.get('RepeatDataset')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
