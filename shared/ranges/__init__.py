"""A range of keys, held, walked, split and closed: what lister and verifier have in common."""
