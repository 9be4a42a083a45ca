# The schedule for YOLOv3, whose losses are sums over boxes: a tenth of the learning rate, and gradients clipped.
_base_ = "./schedule_yolo_300e.py"

optim_wrapper = dict(optimizer=dict(lr=0.001), clip_grad=dict(max_norm=35, norm_type=2))
