# The schedule for a loss that is the sum over a step's images: the learning rate is for up to 64 images as it stands.
_base_ = "./schedule_yolo_300e.py"

auto_scale_lr = dict(enable=False)
