"""The imperative shell: scripts that a person runs."""
