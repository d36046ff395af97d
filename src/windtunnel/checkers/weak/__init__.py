"""Models weaker than linearizability and serializability, and models of other things than objects.

One module per model or family; `findings` has what they share, `registers` and `views` what the models of registers share,
`catalogue` their entries in the registry.
"""
