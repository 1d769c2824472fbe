"""Tables, figures and reports from stored results."""
