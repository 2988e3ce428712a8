"""``numlean play``: a local page that shows numbers, operations and formats in a browser."""
