"""What this process shares with the system: its signals, its waits and its memory."""
