"""How networks show themselves: as code, as tables, as drawings, and as a page with everything."""
