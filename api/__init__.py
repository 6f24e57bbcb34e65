"""Endpoints for programs: thin, each one a service call."""
