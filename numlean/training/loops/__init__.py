"""Training loops over samples, over minibatches, and over the epochs of a loader."""
