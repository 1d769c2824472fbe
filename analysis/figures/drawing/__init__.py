"""What figures share: one style, the scale of a parameter's axis, and a surface from scattered points."""
