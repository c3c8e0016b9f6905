"""``python -m softmax_visualizer``: the same as the command ``softmax-visualizer``."""

import sys

from softmax_visualizer.cli import main

sys.exit(main())
