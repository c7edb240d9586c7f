"""From dataset folders to records, from records under a protocol to prompt datasets."""
