"""What the job is about: objects, keys, ranges, outcomes, checksums, messages, errors. Pure: no clock, SDK or log."""
