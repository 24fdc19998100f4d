"""What the warehouse must hold and what it holds, told apart row by row; it shares no code with the source."""
