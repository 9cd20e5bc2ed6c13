"""The matrix: what every reader sees under every fault (docs/reliability.md, "A fault never becomes a number")."""
