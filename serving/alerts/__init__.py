"""Crisis monitoring: watches comments, groups what is not normal into incidents, tells people."""
