"""Tests of whole services under the servers that people run them with."""
