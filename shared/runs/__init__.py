"""A run from its first message to its end; heartbeat, pause and quota, what follows a run."""
