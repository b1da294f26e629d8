"""The study: who is compared, on which terms, and what is found."""
