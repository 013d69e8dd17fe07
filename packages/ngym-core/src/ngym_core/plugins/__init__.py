"""Plugins: what can be made (registry), what a pack may offer (hookspecs), and how packs are found (manager)."""
