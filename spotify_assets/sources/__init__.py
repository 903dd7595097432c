"""One upstream each, behind one seam (`protocol`) and one polite HTTP client (`sources.http.client`)."""
