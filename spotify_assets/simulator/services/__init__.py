"""The other upstreams over the invented catalogue: Deezer, Last.fm, ListenBrainz, MusicBrainz, Wikidata."""
