# The schedule of EfficientDet: its learning rate is for 128 images a step, and gradients are clipped.
_base_ = "./schedule_yolo_300e.py"

optim_wrapper = dict(
    optimizer=dict(lr=0.16, momentum=0.9, weight_decay=4e-5, nesterov=False),
    clip_grad=dict(max_norm=10, norm_type=2),
)
auto_scale_lr = dict(base_batch_size=128)
