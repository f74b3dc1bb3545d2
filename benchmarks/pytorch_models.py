"""The same architectures as a PyTorch user would write them: its recurrent layers, default initialization, eager."""

import itertools

import torch
from torch import nn

FEATURES = 12


def dense(*widths):
    """Linear layers with ReLU between them."""
    layers = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class LSTM(nn.Module):
    """Three LSTM layers, 128-128-64, and Dense 128-64-1."""

    def __init__(self):
        super().__init__()
        widths = (FEATURES, 128, 128, 64)
        self.layers = nn.ModuleList(
            nn.LSTM(inputs, units, batch_first=True) for inputs, units in itertools.pairwise(widths)
        )
        self.head = dense(64, 128, 64, 1)

    def forward(self, past):
        for layer in self.layers:
            past, _ = layer(past)
        return self.head(past[:, -1])


class GRU(nn.Module):
    """Three residual GRU layers, 128-128-64, and Dense 64-1."""

    def __init__(self):
        super().__init__()
        widths = (FEATURES, 128, 128, 64)
        pairs = list(itertools.pairwise(widths))
        self.layers = nn.ModuleList(nn.GRU(inputs, units, batch_first=True) for inputs, units in pairs)
        self.shortcuts = nn.ModuleList(
            nn.Identity() if inputs == units else nn.Linear(inputs, units, bias=False)
            for inputs, units in pairs
        )
        self.head = dense(64, 64, 1)

    def forward(self, past):
        for layer, shortcut in zip(self.layers, self.shortcuts, strict=True):
            past = shortcut(past) + layer(past)[0]
        return self.head(past[:, -1])


class CNNLSTM(nn.Module):
    """Causal convolutions of 64 filters at three scales side by side, LSTM 128-64, Dense 64-1."""

    def __init__(self):
        super().__init__()
        self.widths = (3, 5, 7)
        self.convolutions = nn.ModuleList(nn.Conv1d(FEATURES, 64, width) for width in self.widths)
        self.layers = nn.ModuleList([nn.LSTM(192, 128, batch_first=True), nn.LSTM(128, 64, batch_first=True)])
        self.head = dense(64, 64, 1)

    def forward(self, past):
        turned = past.transpose(1, 2)
        scales = [
            torch.relu(convolution(nn.functional.pad(turned, (width - 1, 0))))
            for convolution, width in zip(self.convolutions, self.widths, strict=True)
        ]
        past = torch.cat(scales, dim=1).transpose(1, 2)
        for layer in self.layers:
            past, _ = layer(past)
        return self.head(past[:, -1])


class SpikeDetector(nn.Module):
    """A convolution of 128 filters, attention with 4 heads, a bidirectional LSTM of 128, and two heads."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv1d(FEATURES, 128, 5, padding=2)
        self.attention = nn.MultiheadAttention(128, 4, batch_first=True)
        self.norm = nn.LayerNorm(128)
        self.bilstm = nn.LSTM(128, 128, batch_first=True, bidirectional=True)
        self.head, self.odds = dense(256, 64, 1), dense(256, 64, 1)

    def forward(self, past):
        past = torch.relu(self.convolution(past.transpose(1, 2))).transpose(1, 2)
        past = self.norm(past + self.attention(past, past, past, need_weights=False)[0])
        _, (state, _) = self.bilstm(past)
        both = torch.cat([state[0], state[1]], dim=-1)
        return self.head(both), self.odds(both)


MODELS = {"lstm": LSTM, "gru": GRU, "cnn_lstm": CNNLSTM, "spike_detector": SpikeDetector}
