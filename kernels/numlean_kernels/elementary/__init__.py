"""Elementary functions, correctly rounded, in integers."""
