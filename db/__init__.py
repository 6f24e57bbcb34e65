"""Postgres: the engine, the tables, the migrations, and SQL that works on whole sets of rows."""
