"""What the study measures: pure functions of texts, figures and a `Reader`."""
