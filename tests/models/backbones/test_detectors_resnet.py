import pytest
import torch
from mmdet.models import backbones
from mmengine.registry import DefaultScope

from mmdet_trash.registry import MODELS

SAC = {"sac": {"type": "SAC", "use_deform": True}, "stage_with_sac": (False, True, True, True)}


def small(**options):
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        return MODELS.build(
            {
                "type": "DetectoRS_ResNet",
                "depth": 50,
                "base_channels": 4,
                "rfp_inplanes": 8,
                "conv_cfg": {"type": "ConvAWS"},
                **SAC,
                **options,
            }
        )


@pytest.mark.parametrize("initial", [None, "ResNet"])
def test_feedback_and_switches_start_without_effect(initial, tmp_path):
    torch.manual_seed(0)
    init_cfg = None
    if initial == "ResNet":
        torch.save(backbones.ResNet(50, base_channels=4).state_dict(), tmp_path / "resnet.pth")
        init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "resnet.pth")}
    backbone = small(init_cfg=init_cfg)
    backbone.init_weights()
    backbone.eval()
    image = torch.rand(1, 3, 96, 96)
    maps = backbone(image)
    feedback = [torch.randn(1, 8, 24 // 2**level, 24 // 2**level) for level in range(4)]
    assert all(map(torch.equal, maps, backbone.rfp_forward(image, feedback)))

    plain = small(sac=None)
    plain.eval()
    plain.load_state_dict(backbone.state_dict(), strict=False)
    assert all(map(torch.allclose, maps, plain(image)))


def test_what_a_trained_file_has_is_loaded(tmp_path):
    torch.manual_seed(0)
    trained = small()
    for parameter in trained.parameters():
        torch.nn.init.normal_(parameter)
    torch.save(trained.state_dict(), tmp_path / "trained.pth")
    backbone = small(init_cfg={"type": "Pretrained", "checkpoint": str(tmp_path / "trained.pth")})
    backbone.init_weights()
    loaded = backbone.state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in trained.state_dict().items())
