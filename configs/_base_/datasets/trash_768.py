# The competition's layout at 768 px.
_base_ = "./trash_detection.py"

img_scale = (768, 768)

train_pipeline = [dict(step, scale=img_scale) if step.type == "Resize" else step for step in _base_.train_pipeline]
test_pipeline = [dict(step, scale=img_scale) if step.type == "Resize" else step for step in _base_.test_pipeline]
tta_pipeline = [
    _base_.tta_pipeline[0],
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="Resize", scale=(size, size), keep_ratio=True) for size in (576, 768, 960)],
            *_base_.tta_pipeline[1].transforms[1:],
        ],
    ),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
