"""Which worker trains what: where workers stand, what they are handed, and how far ahead."""
