"""The networks that train from scratch, one module each."""
