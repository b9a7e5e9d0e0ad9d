"""What services charge, and what a run costs. The only room that knows a price. Pure."""
