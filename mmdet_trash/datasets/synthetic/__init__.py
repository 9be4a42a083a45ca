"""A drawn stand-in for the competition's photographs."""

from mmdet_trash.datasets.synthetic.scenes import write_dataset

__all__ = ["write_dataset"]
