"""What ``numlean bench`` measures: arithmetic beside arithmetic, in one run."""
