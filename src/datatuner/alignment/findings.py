from datatuner.findings import *  # noqa: F403 - shim until the branches are merged
