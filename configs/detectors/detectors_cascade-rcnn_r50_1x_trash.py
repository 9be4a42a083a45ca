# DetectoRS (arXiv 2006.02334) on Cascade R-CNN, ResNet-50, 123.7 M parameters: 12 epochs at 1024 px. Images go through
# two backbones, the second fed by the first one's pyramid, of convolutions that choose their dilation.
_base_ = "../cascade_rcnn/cascade-rcnn_r50_fpn_1x_trash.py"

switchable = dict(
    type="DetectoRS_ResNet",
    conv_cfg=dict(type="ConvAWS"),
    sac=dict(type="SAC", use_deform=True),
    stage_with_sac=(False, True, True, True),
)
model = dict(
    backbone=dict(switchable, output_img=True),
    neck=dict(
        type="RFP",
        rfp_steps=2,
        rfp_backbone=dict(_base_.model.backbone, **switchable, rfp_inplanes=256),
        aspp_out_channels=64,
    ),
)
train_dataloader = dict(batch_size=2)
