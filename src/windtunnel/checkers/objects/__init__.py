"""Objects that a history can be linearizable with respect to, one module each; `windtunnel.checkers.models` names them all."""
