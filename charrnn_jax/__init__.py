"""Character-level and word-level RNN language models, as pure functions in JAX."""
