"""A range of keys, held, walked, split and closed, and its batches published: what lister and verifier have in common.
Beside it, what is sent again of a run that is resumed or cancelled. What becomes of a key is decided elsewhere.
"""
