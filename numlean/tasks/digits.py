"""Classification of real handwritten digits."""

from __future__ import annotations

from numlean.data import Dataset
from numlean.nn import Flatten, Linear, Sequential, Tanh
from numlean.rng import UniformStream, permutation
from numlean.tasks.installed_tables import InstalledTable, one_hot
from numlean.tasks.named import NamedTask, Split
from numlean.training.task import Task

_TABLE = InstalledTable("load_digits", "digits.csv.gz")
_CLASSES = 10
_TEST_SIZE = 360
_SPLIT_SEED = 0
_WHITE = 16.0


def load() -> Split:
    """Return images of shape (8, 8), in which 1 is white, and one-hot digits."""
    pixels, digits = _TABLE.load()
    order = permutation(len(digits), UniformStream(_SPLIT_SEED))
    images = pixels.reshape(-1, 8, 8)[order] / _WHITE
    test, train = Dataset.of_arrays(images, one_hot(digits[order], _CLASSES)).split_at(_TEST_SIZE)
    return Split(train=train, test=test)


TASK = NamedTask(
    name="digits",
    summary="1,797 real 8x8 images of digits (scikit-learn), 360 held out, 64-32-10, tanh,"
    " cross-entropy",
    task=Task.classification(Sequential(Flatten(), Linear(64, 32), Tanh(), Linear(32, _CLASSES))),
    load=load,
    steps=1000,
    batch_size=32,
    lr=0.1,
    momentum=0.9,
    is_classification=True,
)
