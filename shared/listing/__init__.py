"""List a range of the source and decide what to publish."""
