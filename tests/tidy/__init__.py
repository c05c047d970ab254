"""House rules, checked on the source itself."""
