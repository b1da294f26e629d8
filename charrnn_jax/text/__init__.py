"""Strings <-> ids <-> streams: pure, no files, no JAX arrays."""
