"""An OpenAI-compatible engine that simulates vLLM at the speed that was published for a model."""
