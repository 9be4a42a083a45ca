# Cascade R-CNN, ResNet-50, 12 epochs at 1024 px, images drawn so that each class is seen as often as any other.
_base_ = "./cascade-rcnn_r50_fpn_1x_trash.py"

train_dataloader = dict(sampler=dict(_delete_=True, type="ClassAwareSampler", num_sample_class=1))
