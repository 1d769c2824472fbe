"""The experiment folder: its layout, manifest, Parquet tables and atomic writes. Plain files, no pickle."""
