"""A page that shows a search while it runs, and afterwards: it reads the folder only and is served to this machine."""
