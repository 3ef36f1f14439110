"""The platform on one machine: agents, keys and data under `.berth/local`."""
