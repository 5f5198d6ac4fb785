"""Tests of P9-MicroStream."""
