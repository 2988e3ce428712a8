"""``numlean train``: the command, its progress display and its reports."""
