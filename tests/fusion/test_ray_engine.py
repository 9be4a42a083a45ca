import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.fusion import FusionSettings, fuse
from mmdet_trash.fusion.ray_engine import fuse_on_ray
from mmdet_trash.predictions import Predictions, write_predictions
from tests.builders import table


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of a head that works nothing and two workers."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


def models(seed: int = 0, count: int = 3, images: int = 11) -> list[Predictions]:
    rng = np.random.default_rng(seed)
    names = table([f"test/{i}.jpg" for i in range(images)])
    found = []
    for _ in range(count):
        corner, side = rng.uniform(0, 40, (90, 2)), rng.uniform(10, 40, (90, 2))
        columns = rng.integers(images - 1, size=90), rng.integers(3, size=90), rng.random(90)
        found.append(Predictions.from_columns(names, *columns, np.concatenate([corner, corner + side], axis=1)))
    return found


@pytest.mark.slow
def test_two_workers_write_the_bytes_that_one_machine_writes(address: str, tmp_path: Path) -> None:
    found = models()
    for number, (given, settings) in enumerate(
        [
            (found, FusionSettings(weights=(1, 2, 0.5), one_vote=True, max_per_img=5)),
            ([found[:2], found[2]], FusionSettings(within=FusionSettings("nms"))),
        ]
    ):
        for name, fused in (
            ("ray", fuse_on_ray(given, settings, address=address, images_a_shard=4)),
            ("local", fuse(given, settings)),
        ):
            for ending in ("csv", "parquet"):
                write_predictions(fused, tmp_path / f"{name}{number}.{ending}")
        for ending in ("csv", "parquet"):
            ours, theirs = (tmp_path / f"{name}{number}.{ending}" for name in ("ray", "local"))
            assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.slow
def test_a_workers_refusal_is_the_line_it_would_be_here(address: str) -> None:
    with pytest.raises(InputError, match=r"^weights: 2 numbers for 3 models, one for each is right$"):
        fuse_on_ray(models(), FusionSettings(weights=(1, 1)), address=address)


def test_a_missing_ray_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"^--engine ray needs Ray: pip install 'mmdet-trash\[ray\]'$"):
        fuse_on_ray(models(), FusionSettings())
