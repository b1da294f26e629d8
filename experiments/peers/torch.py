"""PyTorch: nn.Embedding, nn.LSTM / nn.GRU / nn.RNN, nn.Linear, fused Adam; autocast for bfloat16."""

import torch
from torch import nn

from experiments.peers.work import CLIP, LEARNING_RATE, Step, Work, window_of

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}


class Model(nn.Module):
    """Ids to logits."""

    def __init__(self, work: Work):
        super().__init__()
        V, E, H, L, _, _ = work.size
        self.embedding = nn.Embedding(V, E)
        self.recurrent = CELLS[work.cell](E, H, L)
        self.output = nn.Linear(H, V)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits of every next token, from the zero state."""
        h, _ = self.recurrent(self.embedding(ids))
        return self.output(h)


def make_step(work: Work) -> Step:
    """On a GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Model(work).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    inputs, targets = (torch.from_numpy(x).long().to(device) for x in window_of(work.size))

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=work.precision == "bfloat16"):
            logits = model(inputs)
        loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        return loss.item()

    return step
