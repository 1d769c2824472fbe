"""What figures share: one style, the scale of a parameter's axis, a surface from scattered points."""
