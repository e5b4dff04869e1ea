"""Pages for people: HTML made here, beside the API and on the same verbs. docs/pages.md."""
