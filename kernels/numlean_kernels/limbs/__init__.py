"""Numbers of any precision in words of fixed width: a header, an exponent and limbs."""
