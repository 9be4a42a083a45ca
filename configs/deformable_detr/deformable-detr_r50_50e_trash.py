# Deformable DETR, ResNet-50, 50 epochs at 480 to 1200 px: the first DETR that finds small objects well.
_base_ = [
    "../_base_/models/deformable-detr_r50.py",
    "../_base_/datasets/trash_multiscale.py",
    "../_base_/schedules/schedule_detr_50e.py",
    "../_base_/default_runtime.py",
]

# 32 images a step, and what places the sampled points learns slowly.
optim_wrapper = dict(
    optimizer=dict(lr=2e-4),
    paramwise_cfg=dict(
        custom_keys=dict(sampling_offsets=dict(lr_mult=0.1), reference_points=dict(lr_mult=0.1)),
    ),
)
auto_scale_lr = dict(base_batch_size=32)
