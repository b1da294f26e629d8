"""One small file a named configuration; the docstring says what it costs and what it gives."""
