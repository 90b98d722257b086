"""ngspice: decks, runs, results."""
