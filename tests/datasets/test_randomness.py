import random

import numpy as np
import pytest
import torch
from mmengine.dataset import RepeatDataset, pseudo_collate
from torch.utils.data import DataLoader

from mmdet_trash.datasets.randomness import SeededItems, seeded
from mmdet_trash.datasets.transforms import HYP, yolo_pipeline
from tests.builders import trash_dataset

SIZE = (48, 48)


@pytest.fixture
def dataset(synthetic):
    return trash_dataset(synthetic, *yolo_pipeline({**HYP, "mixup": 0.5, "paste_in": 0.5}, SIZE))


def epochs(dataset, workers, seed=3, numbers=(0, 1), indices=None):
    """Pictures and boxes of each epoch, as a data loader gives them."""
    items = dataset.__getitems__ = SeededItems(dataset)
    loader = DataLoader(
        dataset,
        batch_size=4,
        sampler=indices,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=pseudo_collate,
    )
    found = []
    for number in numbers:
        items.seed(seed, number)
        batches = list(loader)
        pictures = torch.stack([picture for batch in batches for picture in batch["inputs"]])
        boxes = [sample.gt_instances.bboxes.tensor for batch in batches for sample in batch["data_samples"]]
        found.append((pictures, torch.cat(boxes)))
    return found


def same(first, second):
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_samples_in_any_number_of_workers(dataset):
    alone = epochs(dataset, workers=0)
    for workers in (1, 2, 4):
        np.random.seed(workers)  # what the workers begin with does not matter
        assert all(same(a, b) for a, b in zip(alone, epochs(dataset, workers), strict=True))


def test_epochs_and_seeds_differ_and_an_epoch_alone_is_as_after_others(dataset):
    first, second = epochs(dataset, workers=0)
    (resumed,) = epochs(dataset, workers=0, numbers=[1])
    (other,) = epochs(dataset, workers=0, seed=4, numbers=[0])
    assert same(second, resumed)
    assert not same(first, second)
    assert not same(first, other)


def test_an_image_that_is_repeated_is_not_made_alike(dataset):
    ((pictures, _),) = epochs(dataset, workers=0, numbers=[0], indices=[5, 5, 7, 8, 5, 9, 10, 11])
    fives = pictures[[0, 1, 4]]
    assert all(not torch.equal(fives[i], fives[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_what_a_wrapper_repeats_is_not_made_alike(dataset):
    ((pictures, _),) = epochs(RepeatDataset(dataset, 2), workers=0, numbers=[0])
    assert len(pictures) == 2 * len(dataset)
    assert not any(torch.equal(a, b) for a, b in zip(pictures, pictures[len(dataset) :], strict=False))


def test_random_numbers_are_as_before_afterwards():
    np.random.seed(1)
    random.seed(1)
    expected = np.random.random(), random.random()
    np.random.seed(1)
    random.seed(1)
    with pytest.raises(KeyError), seeded([2, 3]):
        np.random.random()
        random.random()
        raise KeyError
    assert (np.random.random(), random.random()) == expected


def test_numbers_follow_from_every_part_of_the_seed():
    drawn = set()
    for entropy in ([0, 0], [0, 1], [1, 0], [0, 0, 1], [2**63 - 1, 5]):
        with seeded(entropy):
            first = np.random.random(), random.random()
        with seeded(entropy):
            assert (np.random.random(), random.random()) == first
        drawn.add(first)
    assert len(drawn) == 5
