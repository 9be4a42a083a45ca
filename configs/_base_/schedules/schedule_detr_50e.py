# 50 epochs of AdamW, divided by ten after the 40th; the backbone at a tenth of the rate. The learning rate is for 16
# images a step and scales with the real batch.
max_epochs = 50

train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-4, weight_decay=1e-4),
    clip_grad=dict(max_norm=0.1, norm_type=2),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))),
)
param_scheduler = [dict(type="MultiStepLR", by_epoch=True, begin=0, end=max_epochs, milestones=[40], gamma=0.1)]
auto_scale_lr = dict(enable=True, base_batch_size=16)
