"""The only place that writes to a database: one store file per engine."""
