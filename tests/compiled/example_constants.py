"""What a kernel of the tests takes from another module."""

ADDED = 3
