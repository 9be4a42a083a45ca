# The schedule by AdamW, for 256 images a step.
_base_ = "./schedule_yolo_300e.py"

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="AdamW", lr=0.004, weight_decay=0.05),
    paramwise_cfg=dict(bypass_duplicate=True),  # its levels share their convolutions
)
auto_scale_lr = dict(base_batch_size=256)
