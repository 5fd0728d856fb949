"""Translation of text: lines in one language in, the same lines in another one out."""
