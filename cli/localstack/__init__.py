"""The servers on one machine: PostgreSQL, Valkey and Swift as children bound to 127.0.0.1.

`stack.Stack` is the way in; it knows nothing of the API and the worker, which are more `Program`s.
"""
