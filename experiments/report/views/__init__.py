"""The sections of the page: each reads its fields of results.json, and says what to show of them."""
