import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.annotations import load_annotations
from mmdet_trash.datasets.folds import balance, bootstrap_bags, stratified_folds, warn_of_rare_classes
from mmdet_trash.errors import InputError
from tests.builders import coco


def random_coco(seed, images=60, classes=4):
    """Images of 0 to 8 boxes of any size, the last class rare."""
    random = np.random.default_rng(seed)
    shares = np.array([4.0] * (classes - 1) + [1.0])
    boxes = [
        (image, int(random.choice(classes, p=shares / shares.sum())), [0, 0, *random.uniform(2, 80, 2).tolist()])
        for image in range(images)
        for _ in range(random.integers(0, 9))
    ]
    return coco(images, boxes, tuple(range(classes)))


@given(seed=st.integers(0, 10**6), folds=st.integers(2, 6), images=st.integers(12, 40))
def test_every_image_is_validated_once_and_trained_on_otherwise_and_groups_stay_whole(seed, folds, images):
    groups = np.random.default_rng(seed).integers(0, images // 2, images)
    found = stratified_folds(random_coco(seed, images), groups, min(folds, len(np.unique(groups))), seed)
    assert (found.validated.sum(axis=0) == 1).all()
    assert np.array_equal(found.times, ~found.validated)
    for group in np.unique(groups):
        assert len(np.unique(found.times[:, groups == group], axis=1).T) == 1


@given(seed=st.integers(0, 1000))
def test_the_same_seed_parts_alike(seed):
    truth, groups = random_coco(3), np.arange(60)
    assert np.array_equal(
        stratified_folds(truth, groups, 4, seed).times, stratified_folds(truth, groups, 4, seed).times
    )
    assert np.array_equal(bootstrap_bags(groups, 4, seed).times, bootstrap_bags(groups, 4, seed).times)


def test_another_seed_parts_otherwise():
    truth, groups = random_coco(3), np.arange(60)
    assert (stratified_folds(truth, groups, 4, 0).times != stratified_folds(truth, groups, 4, 1).times).any()
    assert (bootstrap_bags(groups, 4, 0).times != bootstrap_bags(groups, 4, 1).times).any()


@pytest.mark.parametrize("seed", range(5))
def test_a_class_with_fewer_boxes_than_folds_is_spread_as_far_as_it_goes(seed):
    boxes = [(image, 0, [0, 0, 20, 20]) for image in range(40)] + [(image, 1, [5, 5, 9, 9]) for image in (3, 20, 31)]
    found = balance(coco(40, boxes), stratified_folds(coco(40, boxes), np.arange(40), 5, seed))
    assert sorted(found.validated[:, 1]) == [0, 0, 1, 1, 1]


def test_sizes_and_object_counts_are_shared_out_too():
    # The class says nothing here: whether an image has one large box or three small ones does.
    large = [(image, 0, [0, 0, 100, 100]) for image in range(0, 40, 2)]
    small = [(image, 0, [0, 0, 9, 9]) for image in range(1, 40, 2) for _ in range(3)]
    truth = coco(40, [*large, *small], (0,), size=(200, 200))
    for side in stratified_folds(truth, np.arange(40), 4).validated:
        assert (side[0::2].sum(), side[1::2].sum()) == (5, 5)


def test_boxes_too_few_to_stratify_are_parted_all_the_same():
    found = stratified_folds(coco(4, [(0, 0, [0, 0, 9, 9])]), np.arange(4), 4)
    assert (found.validated.sum(axis=1) == 1).all()


@pytest.mark.parametrize("make", [lambda g, k: stratified_folds(coco(len(g)), g, k), bootstrap_bags])
def test_more_folds_than_groups_are_refused(make):
    with pytest.raises(InputError, match=r"3 (folds|bags) of 2 groups of images \(4 images in groups\): at most 2"):
        make(np.array([0, 0, 1, 1]), 3)
    with pytest.raises(InputError, match=r"5 (folds|bags) of 4 groups of images: at most 4"):
        make(np.arange(4), 5)
    with pytest.raises(InputError, match=r"1 (folds|bags): 2 or more"):
        make(np.arange(4), 1)


def test_a_bag_holds_as_many_groups_as_there_are_and_leaves_out_a_third_and_a_bit():
    found = bootstrap_bags(np.arange(1000), 20)
    assert (found.times.sum(axis=1) == 1000).all()
    # Each is left out with (1 - 1/n)^n, that is 1/e; the mean of 20,000 is known to some thousandths.
    assert found.validated.mean() == pytest.approx(np.exp(-1), abs=0.01)
    assert 3 <= found.times.max() <= 10


def test_a_bag_draws_groups_as_one():
    groups = np.repeat(np.arange(30), 3)
    found = bootstrap_bags(groups, 4)
    assert np.array_equal(found.times[:, 0::3], found.times[:, 2::3])


def test_balance_counts_boxes_of_each_side():
    truth = random_coco(1)
    folds = stratified_folds(truth, np.arange(60), 3)
    found = balance(truth, folds)
    for fold in range(3):
        labels = [a["category_id"] for a in truth["annotations"] if folds.validated[fold, a["image_id"]]]
        assert np.array_equal(found.validated[fold], np.bincount(labels, minlength=4))
    assert np.array_equal(found.validated.sum(axis=0), found.boxes)
    assert np.allclose(found.deviation, found.validated / (found.boxes / 3) - 1)
    worst, fold, name = found.worst
    assert abs(worst) == np.abs(found.deviation).max() and found.deviation[fold, int(name[-1])] == worst


def test_a_class_without_boxes_has_no_deviation_and_is_not_warned_of(caplog):
    boxes = [(image, 0, [0, 0, 20, 20]) for image in range(10)]
    found = balance(coco(10, boxes), stratified_folds(coco(10, boxes), np.arange(10), 2))
    assert np.isnan(found.deviation[:, 1]).all() and found.worst[2] == "class 0"
    warn_of_rare_classes(found)
    assert not caplog.records


def test_a_class_that_a_fold_lacks_is_warned_of(caplog):
    boxes = [(image, 0, [0, 0, 20, 20]) for image in range(10)] + [(0, 1, [0, 0, 9, 9])]
    warn_of_rare_classes(balance(coco(10, boxes), stratified_folds(coco(10, boxes), np.arange(10), 3)))
    assert caplog.messages == ["class 'class 1': 2 of 3 folds validate on none of its boxes, of which there are 1"]


def test_on_the_competition_each_class_is_near_its_share_and_nearer_than_by_iterative_stratification(shared):
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    truth = load_annotations(shared / "data" / "competition" / "train.json")
    images = len(truth["images"])
    folds = stratified_folds(truth, np.arange(images), 5)
    found = balance(truth, folds)
    limits = np.where(np.array(found.classes) == "Battery", 0.10, 0.05)
    assert (np.abs(found.deviation) <= limits).all()
    assert (np.abs(folds.validated.sum(axis=1) - images / 5) <= 5).all()

    counts = np.zeros((images, len(found.classes)), int)
    position = {image["id"]: index for index, image in enumerate(truth["images"])}
    for annotation in truth["annotations"]:
        counts[position[annotation["image_id"]], annotation["category_id"]] += 1
    kinds = np.concatenate([counts >= least for least in (1, 2, 4, 8)], axis=1).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = MultilabelStratifiedKFold(5, shuffle=True, random_state=0).split(kinds, kinds)
        theirs = np.stack([counts[chosen].sum(axis=0) for _, chosen in parts])
    assert np.abs(found.deviation).max() < np.abs(theirs / (counts.sum(axis=0) / 5) - 1).max()
