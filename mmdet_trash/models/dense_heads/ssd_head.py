from mmdet.models import dense_heads

from mmdet_trash.registry import MODELS


@MODELS.register_module()
class SSDHead(dense_heads.SSDHead):
    """The head of `SSD <https://arxiv.org/abs/1512.02325>`_: MMDetection's, and it predicts.

    Theirs asks its `loss_cls` about the classes before it predicts, and has none: SSD's loss is fixed
    (https://github.com/open-mmlab/mmdetection/issues/11063).
    """

    loss_cls = None
