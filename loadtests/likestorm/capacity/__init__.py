"""The highest rate that holds, and the scalability law through the steps of the search."""
