# The schedule of RT-DETR: 72 epochs at one learning rate, after a warm-up of 2000 steps; norms and biases do not decay.
_base_ = "./schedule_detr_50e.py"

train_cfg = dict(max_epochs=72)
optim_wrapper = dict(paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0))
param_scheduler = [dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=2000)]
