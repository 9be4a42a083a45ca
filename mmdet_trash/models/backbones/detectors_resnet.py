from mmcv.ops import SAConv2d
from mmdet.models import backbones
from mmdet.models.backbones.detectors_resnet import Bottleneck
from mmengine.model import constant_init

from mmdet_trash.registry import MODELS


@MODELS.register_module()
class DetectoRS_ResNet(backbones.DetectoRS_ResNet):
    """The backbone of `DetectoRS <https://arxiv.org/abs/2006.02334>`_: MMDetection's, that starts as a plain ResNet.

    The pyramid's feedback starts at zero, and switchable convolutions start as convolutions of the smaller dilation,
    as in the authors' release. MMDetection's feedback is random beside a ResNet's weights, and without such weights the
    switches, contexts and offsets are random too.
    """

    def init_weights(self) -> None:
        if self.pretrained is None:
            super().init_weights()
        for module in self.modules():
            if isinstance(module, Bottleneck) and module.rfp_inplanes:
                constant_init(module.rfp_conv, 0)
            elif isinstance(module, SAConv2d):
                module.init_weights()
        if self.pretrained is not None:
            super().init_weights()  # what the file has, it overwrites
