"""From predictions to metrics and a report."""
