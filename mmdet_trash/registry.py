"""Child registries of MMDetection's, one a kind, scope `mmdet_trash`.

A config that says `default_scope = "mmdet_trash"` and imports this module finds our modules first and MMDetection's
behind them; `mmdet.Name` names theirs where both have one. Two things are needed for the second step to work: every
kind needs a child, or a look-up ends at MMEngine's root and misses MMDetection; and MMDetection's modules must be
imported, since a look-up from a child does not import its parent's `locations`.
"""

import contextlib
import io
import warnings

from mmdet import registry as mmdet_registry
from mmdet.utils import register_all_modules
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import Registry

# It tells of optional packages that are not installed; no one asked for them.
with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("ignore")
    register_all_modules(init_default_scope=False)

SCOPE = "mmdet_trash"


def _child(kind: str, *locations: str) -> Registry:
    parent = getattr(mmdet_registry, kind)
    return Registry(parent.name, parent=parent, scope=SCOPE, locations=list(locations))


RUNNERS = _child("RUNNERS")
RUNNER_CONSTRUCTORS = _child("RUNNER_CONSTRUCTORS")
LOOPS = _child("LOOPS")
HOOKS = _child("HOOKS", "mmdet_trash.engine.hooks")
LOG_PROCESSORS = _child("LOG_PROCESSORS")

DATASETS = _child("DATASETS", "mmdet_trash.datasets.trash_dataset")
DATA_SAMPLERS = _child("DATA_SAMPLERS")
TRANSFORMS = _child("TRANSFORMS", "mmdet_trash.datasets.transforms")

MODELS = _child("MODELS", "mmdet_trash.models")
MODEL_WRAPPERS = _child("MODEL_WRAPPERS")
WEIGHT_INITIALIZERS = _child("WEIGHT_INITIALIZERS")
TASK_UTILS = _child("TASK_UTILS")

OPTIMIZERS = _child("OPTIMIZERS")
OPTIM_WRAPPERS = _child("OPTIM_WRAPPERS")
OPTIM_WRAPPER_CONSTRUCTORS = _child("OPTIM_WRAPPER_CONSTRUCTORS")
PARAM_SCHEDULERS = _child("PARAM_SCHEDULERS")

METRICS = _child("METRICS", "mmdet_trash.evaluation.metric")
EVALUATOR = _child("EVALUATOR")

VISUALIZERS = _child("VISUALIZERS")
VISBACKENDS = _child("VISBACKENDS")

# Collate functions are looked up in our scope as well; MMDetection has no registry of them.
FUNCTIONS = Registry("function", parent=MMENGINE_FUNCTIONS, scope=SCOPE)
