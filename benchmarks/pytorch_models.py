"""The same architectures as a PyTorch user would write them: its recurrent layers, default initialization, eager.

``encoded`` adds the piecewise linear encoding that our models have by default, and ``dropout`` that of our models.
"""

import itertools

import torch
from torch import nn

FEATURES = 12
BINS, ENCODING_UNITS = 64, 96  # conf/model


def dense(*widths, dropout=0.0):
    """Linear layers with ReLU and dropout between them."""
    layers = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers[:-2])


class Encoding(nn.Module):
    """The channels, and a layer on the position of each value in each bin of its channel."""

    def __init__(self):
        super().__init__()
        self.register_buffer("slopes", torch.randn(FEATURES, FEATURES * BINS))
        self.register_buffer("offsets", torch.randn(FEATURES * BINS))
        self.layer = nn.Linear(FEATURES * BINS, ENCODING_UNITS)

    def forward(self, past):
        positions = torch.clamp(past @ self.slopes + self.offsets, 0.0, 1.0)
        return torch.cat([past, torch.relu(self.layer(positions))], dim=-1)


def encoding(encoded):
    """Return the first layer of a model and the width of its output."""
    return (Encoding(), FEATURES + ENCODING_UNITS) if encoded else (nn.Identity(), FEATURES)


class LSTM(nn.Module):
    """Three LSTM layers, 128-128-64, and Dense 128-64-1."""

    def __init__(self, encoded=False, dropout=0.0):
        super().__init__()
        self.encoding, features = encoding(encoded)
        widths = (features, 128, 128, 64)
        self.layers = nn.ModuleList(
            nn.LSTM(inputs, units, batch_first=True) for inputs, units in itertools.pairwise(widths)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = dense(64, 128, 64, 1, dropout=dropout)

    def forward(self, past):
        past = self.encoding(past)
        for depth, layer in enumerate(self.layers):
            past, _ = layer(self.dropout(past) if depth else past)
        return self.head(past[:, -1])


class GRU(nn.Module):
    """Three residual GRU layers, 128-128-64, and Dense 64-1."""

    def __init__(self, encoded=False, dropout=0.0):
        super().__init__()
        self.encoding, features = encoding(encoded)
        widths = (features, 128, 128, 64)
        pairs = list(itertools.pairwise(widths))
        self.layers = nn.ModuleList(nn.GRU(inputs, units, batch_first=True) for inputs, units in pairs)
        self.shortcuts = nn.ModuleList(
            nn.Identity() if inputs == units else nn.Linear(inputs, units, bias=False)
            for inputs, units in pairs
        )
        self.dropout = nn.Dropout(dropout)
        self.head = dense(64, 64, 1, dropout=dropout)

    def forward(self, past):
        past = self.encoding(past)
        for depth, (layer, shortcut) in enumerate(zip(self.layers, self.shortcuts, strict=True)):
            past = self.dropout(past) if depth else past
            past = shortcut(past) + layer(past)[0]
        return self.head(past[:, -1])


class CNNLSTM(nn.Module):
    """Causal convolutions of 64 filters at three scales side by side, LSTM 128-64, Dense 64-1."""

    def __init__(self, encoded=False, dropout=0.0):
        super().__init__()
        self.widths = (3, 5, 7)
        self.encoding, features = encoding(encoded)
        self.convolutions = nn.ModuleList(nn.Conv1d(features, 64, width) for width in self.widths)
        self.layers = nn.ModuleList([nn.LSTM(192, 128, batch_first=True), nn.LSTM(128, 64, batch_first=True)])
        self.dropout = nn.Dropout(dropout)
        self.head = dense(64, 64, 1, dropout=dropout)

    def forward(self, past):
        turned = self.encoding(past).transpose(1, 2)
        scales = [
            torch.relu(convolution(nn.functional.pad(turned, (width - 1, 0))))
            for convolution, width in zip(self.convolutions, self.widths, strict=True)
        ]
        past = torch.cat(scales, dim=1).transpose(1, 2)
        for depth, layer in enumerate(self.layers):
            past, _ = layer(self.dropout(past) if depth else past)
        return self.head(past[:, -1])


class SpikeDetector(nn.Module):
    """A convolution of 128 filters, attention with 4 heads, a bidirectional LSTM of 128, and two heads."""

    def __init__(self, encoded=False, dropout=0.0):
        super().__init__()
        self.encoding, features = encoding(encoded)
        self.convolution = nn.Conv1d(features, 128, 5, padding=2)
        self.attention = nn.MultiheadAttention(128, 4, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(128)
        self.bilstm = nn.LSTM(128, 128, batch_first=True, bidirectional=True)
        self.head, self.odds = (dense(256, 64, 1, dropout=dropout) for _ in range(2))

    def forward(self, past):
        past = self.encoding(past)
        past = torch.relu(self.convolution(past.transpose(1, 2))).transpose(1, 2)
        past = self.norm(past + self.dropout(self.attention(past, past, past, need_weights=False)[0]))
        _, (state, _) = self.bilstm(past)
        both = self.dropout(torch.cat([state[0], state[1]], dim=-1))
        return self.head(both), self.odds(both)


class RuleBased(nn.Module):
    """An LSTM of 32 and Dense 64-32-1, without rules, as our model is without a config."""

    def __init__(self, encoded=False, dropout=0.0):
        super().__init__()
        self.encoding, features = encoding(encoded)
        self.layer = nn.LSTM(features, 32, batch_first=True)
        self.head = dense(32, 64, 32, 1, dropout=dropout)

    def forward(self, past):
        return self.head(self.layer(self.encoding(past))[0][:, -1])


class PatchTST(nn.Module):
    """Patches of 16 steps, 8 apart, of the first channel; three blocks of width 128 with 16 heads and batch norm."""

    def __init__(
        self, encoded=False, dropout=0.0, lookback=100, width=128, heads=16, inner=256, patch=16, stride=8
    ):
        super().__init__()
        self.patch, self.stride = patch, stride
        count = (lookback - patch) // stride + 2  # the last value is repeated for one more patch
        self.project = nn.Linear(patch, width)
        self.positions = nn.Parameter(torch.rand(count, width) * 0.04 - 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, inner, dropout) for _ in range(3))
        self.head = nn.Linear(count * width, 1)

    def forward(self, past):
        past = past[:, :, 0]
        mean = past.mean(1, keepdim=True)
        deviation = torch.sqrt(past.var(1, keepdim=True, unbiased=False) + 1e-5)
        past = nn.functional.pad(((past - mean) / deviation)[:, None], (0, self.stride), mode="replicate")[
            :, 0
        ]
        tokens = self.project(past.unfold(1, self.patch, self.stride)) + self.positions
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(tokens.flatten(1)) * deviation + mean


class Block(nn.Module):
    """Attention and a network of two layers, each with a shortcut and batch norm after it."""

    def __init__(self, width, heads, inner, dropout):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.network = nn.Sequential(
            nn.Linear(width, inner), nn.GELU(), nn.Dropout(dropout), nn.Linear(inner, width)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens):
        for norm, part in zip(self.norms, (self.attend, self.network), strict=True):
            tokens = norm((tokens + self.dropout(part(tokens))).transpose(1, 2)).transpose(1, 2)
        return tokens

    def attend(self, tokens):
        return self.attention(tokens, tokens, tokens, need_weights=False)[0]


MODELS = {
    "lstm": LSTM,
    "gru": GRU,
    "cnn_lstm": CNNLSTM,
    "spike_detector": SpikeDetector,
    "rule_based": RuleBased,
    "patchtst": PatchTST,
}
