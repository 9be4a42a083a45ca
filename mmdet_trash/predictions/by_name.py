"""Reading files that name their images and classes, without an annotation file."""

from pathlib import Path

import numpy as np

from mmdet_trash.errors import InputError
from mmdet_trash.predictions.columns import ImageTable
from mmdet_trash.predictions.parquet_table import named_in_parquet, read_parquet
from mmdet_trash.predictions.reading import Reading
from mmdet_trash.predictions.submission_csv import named_in_submission, read_csv, without_folder

# No box lies outside an image of unknown size.
UNKNOWN = np.iinfo(np.int64).max


def read_by_name(*paths: str | Path) -> list[Reading]:
    """Read prediction files about the images that any of them names.

    A CSV's name without its folder is that of the one image that has it: `0000.jpg` is `test/0000.jpg`.

    Args:
        paths: submission CSVs and Parquet tables; the other formats do not name their images.

    Raises:
        InputError: as `read`, and for a file of another format.
    """
    names: dict[str, bool] = {}  # each with whether a table has it, where a name is always whole
    category_ids: set[int] = set()
    for path in paths:
        ending = Path(path).suffix.lower()
        if ending not in (".csv", ".parquet"):
            raise InputError(f"{path}: does not name its images; --ann names the annotation file that does")
        named, ids = named_in_submission(path) if ending == ".csv" else named_in_parquet(path)
        names |= {name: names.get(name, False) or ending == ".parquet" for name in named}
        category_ids |= set(ids.tolist())
    short = without_folder(tuple(names))
    full = tuple(name for name, whole in names.items() if whole or len(short.get(name, ())) != 1)
    images = ImageTable(
        ids=np.arange(len(full)),
        file_names=full,
        sizes=np.full((len(full), 2), UNKNOWN),
        category_ids=np.array(sorted(category_ids), dtype=np.int64),
        classes=tuple(f"category {category}" for category in sorted(category_ids)),
    )
    return [
        read_csv(path, images) if Path(path).suffix.lower() == ".csv" else read_parquet(path, images, by_name=True)
        for path in paths
    ]
