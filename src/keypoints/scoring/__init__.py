"""How good predictions are: metrics, scores of faces, and whether a difference is one."""
