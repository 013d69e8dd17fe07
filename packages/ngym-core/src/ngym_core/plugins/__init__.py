"""Plugins: the registry of tasks and wrappers, the hooks that packs implement, and the manager that loads packs."""
