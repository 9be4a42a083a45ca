"""The competition's ten classes."""

CLASSES = (
    "General trash",
    "Paper",
    "Paper pack",
    "Metal",
    "Glass",
    "Plastic",
    "Styrofoam",
    "Plastic bag",
    "Battery",
    "Clothing",
)
"""Class names; a class's position is its label and, in the competition's files, its category id."""

PALETTE = (
    (138, 109, 59),
    (31, 119, 180),
    (23, 190, 207),
    (214, 39, 40),
    (44, 160, 44),
    (255, 127, 14),
    (148, 103, 189),
    (227, 119, 194),
    (188, 189, 34),
    (90, 90, 220),
)
"""One RGB colour a class, for drawings."""
