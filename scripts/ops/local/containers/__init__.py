"""Services as containers on a laptop: their network, its firewall, the registry and our own images."""
