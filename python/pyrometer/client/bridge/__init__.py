"""Sending metrics to other systems."""
