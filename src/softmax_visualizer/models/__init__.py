"""Where distributions come from: OpenAI-compatible servers, the bundled model, a file."""
