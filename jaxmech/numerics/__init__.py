"""Mathematics without economics: special functions, roots, structured convex programs."""
