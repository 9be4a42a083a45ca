# RetinaNet with three layers of BiFPN in place of FPN, ResNet-50, 12 epochs at 1024 px.
_base_ = "./retinanet_r50_fpn_1x_trash.py"

model = dict(
    neck=dict(
        _delete_=True,
        type="BiFPN",
        in_channels=[256, 512, 1024, 2048],
        out_channels=256,
        num_outs=5,
        stack_times=3,
        start_level=1,
    )
)
