"""Record the operations of one step, with their operands and their locations in the model."""
