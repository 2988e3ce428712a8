"""Train a task in one number format; print losses, accuracy, time and digests.

With --json, print one object. Its keys are task, dtype, device, backend, steps (steps made),
batch_size, lr, momentum, optimizer, schedule (both as Python expressions; null for a constant
learning rate), seed, loss_before and loss_after (mean loss over the training data), last_loss (loss
of the last batch before its update; null without a step), test_loss (null without test data),
accuracy (on the test data; null for regression), stopped_by ("interrupt" or "patience"; null if all
steps were made), seconds (training only), state_digest and value_digest. A loss that is not finite
is null. --eval-every adds evaluations, a list of objects with updates, test_loss and accuracy, and
best, the one with the lowest loss (null if all losses are NaN). --flags adds flags (how often each
operation raised each exception in training) and flags_by_step (the same for all operations in each
step).

Ctrl-C ends training after the current step; a second Ctrl-C stops at once. The exit status is then
130. The first line of the --log file describes the run. Each further line is a step with the keys
step (from 0), loss (of the batch, before the update), loss_bits (its encoding) or loss_hex (its
exact value), lr, seconds, and after an evaluation test_loss and accuracy.
"""

from numlean.cli.train.command import add_arguments, run

__all__ = ["add_arguments", "run"]
