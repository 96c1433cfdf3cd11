"""The IAL paper (arXiv 2208.10335): global convolution-attention (GCA) and its network."""
