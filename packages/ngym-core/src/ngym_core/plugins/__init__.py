"""Plugins: the registry of tasks and wrappers, the hooks of packs, and the manager that loads packs."""
