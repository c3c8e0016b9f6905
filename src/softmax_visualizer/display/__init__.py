"""How a decoding looks as text: safe labels, honest numbers, and histograms drawn by plotext."""
