"""PyTorch writing one text: one token after another through nn.Embedding, nn.LSTMCell and nn.Linear."""

import torch
from torch import nn

from experiments.peers.work import TOKENS, Step, Work


def make_step(work: Work) -> Step:
    """A step writes `TOKENS` tokens. Cells step by step are faster than `nn.LSTM` called with one token at a time."""
    assert work.cell == "lstm"
    V, E, H, L, _, _ = work.size
    embedding, output = nn.Embedding(V, E), nn.Linear(H, V)
    cells = [nn.LSTMCell(E if i == 0 else H, H) for i in range(L)]

    @torch.inference_mode()
    def write_one() -> float:
        ids = torch.zeros(1, dtype=torch.long)
        states = [(torch.zeros(1, H), torch.zeros(1, H)) for _ in cells]
        for _ in range(TOKENS):
            x = embedding(ids)
            for i, cell in enumerate(cells):
                states[i] = cell(x, states[i])
                x = states[i][0]
            ids = torch.multinomial(torch.softmax(output(x), dim=-1), 1)[0]
        return float(ids)

    return write_one
