"""Figures, by matplotlib and seaborn."""
