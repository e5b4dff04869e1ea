"""Reports on paper and on a page: the facts of `shared.reports`, written and drawn."""
