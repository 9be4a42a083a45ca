# The schedule for a loss that is the sum over a step's images: the learning rate is for up to 64 images as it stands.
_base_ = "./schedule_yolo_300e.py"

# Implicit knowledge is not to shrink: what is multiplied lies around 1.
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(added=dict(decay_mult=0.0), multiplied=dict(decay_mult=0.0))),
)
auto_scale_lr = dict(enable=False)
