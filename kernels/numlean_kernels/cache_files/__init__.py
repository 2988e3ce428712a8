"""The files of the cache on disk: folders, entries, and what is read and written."""
