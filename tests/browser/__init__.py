"""The pages that runs leave, in a real browser."""
