"""What comes after a search: its winner classifies, is written in other formats, described, and trained again."""
