"""Contracts: what a row must look like before it may enter the warehouse."""
