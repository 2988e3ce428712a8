"""Tasks by name."""

from numlean.tasks.named import NamedTask, Split, get_task, tasks

__all__ = ["NamedTask", "Split", "get_task", "tasks"]
