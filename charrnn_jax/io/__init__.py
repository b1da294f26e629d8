"""The only room of the package that touches files."""
