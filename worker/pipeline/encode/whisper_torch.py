"""Whisper's audio encoder in torch, for a GPU: sounds of several lengths in one batch.

Key names are openai-whisper's. A frame whose position is all zero is padding: no real one is, since
each row of the table holds a cosine beside its sine.
"""

from torch import Tensor, nn
from torch.nn import functional


class WhisperEncoder(nn.Module):
    """mel (b, 80, 2 n), positions (b, n, d) -> frames (b, n, d): whisper/model.py, AudioEncoder."""

    def __init__(self, width: int, heads: int, layers: int, mels: int = 80) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_post = nn.LayerNorm(width)

    def forward(self, mel: Tensor, positions: Tensor) -> Tensor:
        """Return each sound's frames; what padding gives is without meaning."""
        real = positions.abs().sum(2) > 0  # (b, n)
        heard = functional.gelu(self.conv1(mel))
        # The second convolution must see past a sound's end what it would see alone: nothing.
        heard = heard * real.repeat_interleave(2, 1)[:, None, : mel.shape[2]]
        x = functional.gelu(self.conv2(heard)).transpose(1, 2) + positions  # (b, n, d)
        for block in self.blocks:
            x = block(x, real[:, None, None, :])
        return self.ln_post(x)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Self-attention and feed-forward, each behind a norm and a residual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Return (b, n, d)."""
        x = x + self.attn(self.attn_ln(x), real)
        return x + self.mlp(self.mlp_ln(x))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Multi-head self-attention over the real frames; the key projection has no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.key, self.value = nn.Linear(width, width, bias=False), nn.Linear(width, width)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Return (b, n, d)."""
        parts = (self.query(x), self.key(x), self.value(x))
        q, k, v = (p.unflatten(2, (self.heads, -1)).transpose(1, 2) for p in parts)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=real)
        return self.out(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]
