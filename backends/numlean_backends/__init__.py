"""The Scalars that come with numlean, one thin module each."""
