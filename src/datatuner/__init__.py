"""DataTuner: data-to-text generation with state embeddings (Harkous et al., COLING 2020)."""

__version__ = "0.1.0"
