"""Reports: HTML, LaTeX and figures, from a stored run alone."""
