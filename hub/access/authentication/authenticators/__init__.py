"""Ways to show who one is: each file here is one, and knows what is shown to it by its form. Found by the gate."""
