"""How fast the projection is, against plain NumPy and against what the machine can do."""
