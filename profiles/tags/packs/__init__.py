"""Industry packs as YAML: words for fields, and rules for tags over them."""
