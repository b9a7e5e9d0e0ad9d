"""Copy a batch, one object, a large object, within bounded memory."""
