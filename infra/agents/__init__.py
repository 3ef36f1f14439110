"""Agent configurations, the same templates for cloud machines and the laptop."""
