"""The 20 tasks of Yang et al. (2019), the collection `yang19`, one file for each family."""
