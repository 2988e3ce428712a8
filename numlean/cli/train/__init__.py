"""Train a task in one number format; print losses, accuracy, time and digests.

With --json, print one object. Its keys are task, dtype, device, backend, steps (steps made),
batch_size, lr, momentum, optimizer, schedule (both as Python expressions; null for a constant
learning rate), seed, loss_before and loss_after (mean loss over the training data), last_loss (loss
of the last batch before its update, as it is trained on; null without a step), test_loss (null
without test data), accuracy (on the test data; null for regression), stopped_by ("interrupt",
"patience" or "nonfinite"; null if all steps were made), seconds (training only), state_digest and
value_digest. A loss that is not finite is null. loss_before, loss_after and test_loss are exact
means of exact losses, the same measure in every number format; the same keys with _in_format have
the means computed in the format itself. nonfinite is null, or an object about numbers that are not
finite: first_loss and first_number (the first steps with a loss, and with a parameter, buffer or
optimizer state, that is not finite; with step, where, operation, exception, constant and text), and
parameters and optimizer_state (the counts at the end). --eval-every adds evaluations, a list of
objects with updates, test_loss and accuracy, and best, the one with the lowest loss (null if all
losses are NaN). --flags adds flags (how often each operation raised each exception in training) and
flags_by_step (the same for all operations in each step); in a run by a policy also flags_by_dtype
(by dtype and operation) and flags_not_counted (the dtypes that keep no flags). A run that scales
its loss adds loss_scaling, an object with skipped_steps (from 0), scale and good_steps (after the
last step; null for a static scale).

Before the run, warnings name constants that round to something harmful in the format. A number
that stops being finite is reported at once, with the operation that made it. The exit status is 3
if the run ends with parameters, buffers or an optimizer state that are not finite, unless
--on-nonfinite is ignore.

Ctrl-C and SIGTERM end training after the current step; a second Ctrl-C stops at once. The exit
status is then 130 or 143.

The first line of the --log file describes the run. Each further line is a step with the keys
step (from 0), loss (of the batch, before the update), loss_bits (its encoding) or loss_hex (its
exact value), exact_loss (the exact mean of exact losses), lr, seconds, if the run scales its loss
skipped and next_loss_scale (the scale after the step), and after an evaluation test_loss,
test_loss_in_format and accuracy. A resumed run cuts off the steps that its checkpoint does not
have.

A file that cannot be written, for instance because the disk is full, does not end the run: it is an
error at once, all other files are written, and the exit status is 2. A checkpoint or a certificate
is tried again when the next one is due, and at the end.
"""

from numlean.cli.train.command import add_arguments, run

__all__ = ["add_arguments", "run"]
