"""nginx before the app servers, and its configuration."""
