# The mosaics at 640 px, as the YOLO family is mostly trained.
_base_ = "./trash_mosaic.py"

img_scale = (640, 640)

mosaic = dict(_base_.mosaic, img_scale=img_scale)
train_pipeline = [
    mosaic,
    dict(_base_.train_pipeline[1], pre_transform=[mosaic]),
    *_base_.train_pipeline[2:],
]
test_pipeline = [dict(step, scale=img_scale) if step.type == "Resize" else step for step in _base_.test_pipeline]
tta_pipeline = [
    _base_.tta_pipeline[0],
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="Resize", scale=(size, size), keep_ratio=True) for size in (480, 640, 800)],
            *_base_.tta_pipeline[1].transforms[1:],
        ],
    ),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
