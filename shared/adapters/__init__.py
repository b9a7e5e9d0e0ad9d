"""One service a file: the only place that knows an SDK or a wire, and where its errors are translated."""
