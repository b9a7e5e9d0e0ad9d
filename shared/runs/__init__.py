"""A run from its first message to its end; heartbeat, pause and ceilings, what follows a run."""
