"""The same work by other tools."""
