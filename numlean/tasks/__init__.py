"""Tasks by name."""

from numlean.tasks.named import NamedTask, Split, get_task, task_names

__all__ = ["NamedTask", "Split", "get_task", "task_names"]
