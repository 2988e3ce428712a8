"""Classification of real handwritten digits by a convolutional network."""

from __future__ import annotations

from numlean.nn.models import small_cnn
from numlean.tasks.digits import load
from numlean.tasks.named import NamedTask
from numlean.training.task import Task

TASK = NamedTask(
    name="digits-cnn",
    summary="the images of digits, two 3x3 convolutions (8 and 16 channels) with ReLU and"
    " max-pooling, cross-entropy; classifies 354 of the 360 correctly",
    task=Task.classification(small_cnn((8, 8), 10)),
    load=load,
    steps=600,
    batch_size=32,
    lr=0.005,
    momentum=0.0,
    is_classification=True,
    optim="adam",
)
