"""What a run will need before it starts: memory, time, and whether this machine can give it."""
