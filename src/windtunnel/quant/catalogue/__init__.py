"""One file per calculator."""
