"""The arithmetic of decoding: what temperature, top-k, top-p and min-p make of a next-token distribution."""

from softmax_visualizer.decoding.decode import Decoding, Stage, decode
from softmax_visualizer.decoding.distribution import DistributionError, Token, TokenDistribution
from softmax_visualizer.decoding.interval import Interval, IntervalArray
from softmax_visualizer.decoding.settings import DecodingSettings, Order, SettingsError

__all__ = [
    "Decoding",
    "DecodingSettings",
    "DistributionError",
    "Interval",
    "IntervalArray",
    "Order",
    "SettingsError",
    "Stage",
    "Token",
    "TokenDistribution",
    "decode",
]
