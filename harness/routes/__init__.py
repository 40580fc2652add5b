"""Which requests an app answers: told by the app itself, by its OpenAPI document, or read in its source."""
