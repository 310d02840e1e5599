"""One module per headline figure, each with a rival doing the same work in the same run."""
