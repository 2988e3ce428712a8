"""Where independent pieces of work are computed: in this process, in others, or on a cluster."""
