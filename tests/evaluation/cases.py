"""What several tests of the evaluation need."""

import contextlib
import io
from typing import Any

from mmdet_trash.evaluation.coco import as_array, evaluated, ground_truth
from mmdet_trash.predictions import Predictions


def judged(content: dict[str, Any], found: Predictions, backend: str = "pycocotools") -> Any:
    """A backend's evaluator after it has judged predictions; pycocotools is the referee."""
    evaluator = evaluated(backend, ground_truth(content, found.images), as_array(found))
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.summarize()
    return evaluator
