"""Copy a batch, one object, a large object, within bounded memory. Nothing here lists, and nothing knows a wire."""
