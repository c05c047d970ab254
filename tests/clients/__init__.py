"""Sessions of real, unmodified trading programs on the local exchange, each in an environment of its own: `make clients`."""
