"""Numbers of any arithmetic as data for pages: pure functions of a Scalar and its numbers."""
