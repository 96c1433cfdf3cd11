"""IFDD (arXiv 2412.13168): the splitter ISSM, the lifting module LADM and the networks built on them."""
