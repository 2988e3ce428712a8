"""Parts of pages, for the playground and reports: HTML, SVG, charts, tables, style and script."""
