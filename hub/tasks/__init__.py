"""What is to be done, and who does it: pairs to be decided, lists to work on, steps of processes."""
