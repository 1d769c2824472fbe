"""The engine that trains by compiled programs: one call for a whole epoch, and programs that serve later trials too."""
