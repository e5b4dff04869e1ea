"""One module for each noun of the pages; a view parses, makes one call, and presents."""
