"""Programs that look as if they leaked, and are bounded: by a size, by a period, or by what there is to fill."""
