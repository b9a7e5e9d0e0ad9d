"""Where an instance is entered: a pushed message, an HTTP request, an operator's command."""
