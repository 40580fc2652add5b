"""What many runs tell together: comparisons, known leaks, and the history that the results folder keeps."""
