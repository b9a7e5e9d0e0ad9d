"""Compare a range of both sides; delete what is extraneous; ask for restores."""
