"""Files that numlean writes: replaced as a whole, or growing by whole pieces."""
