"""Training loops: over samples, over minibatches, over the epochs of a loader."""
