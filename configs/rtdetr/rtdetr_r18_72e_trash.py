# RT-DETR, ResNet-18-D, 20.1 M parameters: 72 epochs at 640 px, all but the last 6 on mosaics; averaged weights.
_base_ = "./rtdetr_r50_72e_trash.py"

model = dict(
    backbone=dict(
        depth=18,
        frozen_stages=-1,
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        init_cfg=dict(
            _delete_=True,
            type="Pretrained",
            checkpoint="https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights/"
            "resnet18d_ra2-48a79e06.pth",
        ),
    ),
    neck=dict(in_channels=[128, 256, 512], expansion=0.5),
    decoder=dict(num_layers=3),
)
train_dataloader = dict(batch_size=16)
