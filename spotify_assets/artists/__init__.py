"""The artists people track: the watchlist, and who each artist is in every source."""
