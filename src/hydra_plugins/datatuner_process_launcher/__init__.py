"""The launcher of `-m`; Hydra looks for plugins in packages of `hydra_plugins`."""
