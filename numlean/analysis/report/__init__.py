"""One style for all reports: blocks of encodings, and plots. Tables: ``numlean.text_table``."""
