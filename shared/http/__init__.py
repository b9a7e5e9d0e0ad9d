"""HTTP/1.1: connections, a pool, and the way from an answer to an error. Knows no service."""
