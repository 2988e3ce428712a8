"""Record the operations of one step: which operation, where in the model, on which numbers."""
