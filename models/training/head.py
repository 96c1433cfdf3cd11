"""The head anew, on what the trained model sees: takes the label smoothing out of its answers.

Smoothed labels make a model answer 0.9 where it is right 99 times of 100, which no temperature mends. Here
the head alone learns answers with the smoothing taken off, mixed with labels; the rest of the model stays.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.ifdd.streaming import IfddStream
from models.preprocess import to_tensor
from models.training.features import encode
from models.training.prepared import Prepared
from models.training.settings import StageSettings
from models.training.targets import unsmoothed, without

PICTURES = 10_000  # for a head of 903 numbers
DECAY = 1e-5


def see(model: IfddStream, crops: Tensor, batch: int = 256) -> tuple[Tensor, Tensor]:
    """What the head gets, (N,C), and the answers, (N,K) probabilities, for (N,112,112) uint8 crops."""
    device = next(model.parameters()).device
    seen, answers = [], []
    model.eval()
    with torch.inference_mode():
        for part in torch.split(crops, batch):
            rgb = part.to(device)[..., None].expand(-1, -1, -1, 3)
            features = encode(model, to_tensor(rgb, model.spec)).to(device).float()
            window = features[:, None].expand(-1, model.spec.frames, *features.shape[1:])
            output = model.read(window.contiguous())
            seen.append(output.feature)
            answers.append(output.logits.softmax(1))
    return torch.cat(seen).clone(), torch.cat(answers).clone()


def refit_head(
    model: IfddStream, pictures: Prepared, weights: Tensor, denied: Tensor, settings: StageSettings, seed: int
) -> None:
    """Fits the head in place, by L-BFGS.

    Args:
        model: trained.
        pictures: that it learnt from.
        weights: (N,) float64, how often each is drawn; PICTURES of them are, none twice.
        denied: (N,) bool, see `models.training.whole.Faces`.
        settings: `smoothing` that the model learnt with; `teacher`, the share of its own answers in what is
            learnt, the rest being labels; `epochs`, the most iterations.
        seed: of the drawing.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = torch.multinomial(weights, min(PICTURES, int((weights > 0).sum())), generator=generator)
    seen, answers = see(model, torch.from_numpy(pictures.crops)[rows])
    labels = torch.from_numpy(pictures.labels)[rows].to(seen.device)
    own = nn.functional.one_hot(labels, answers.shape[1]).to(answers)
    wanted = torch.lerp(own, unsmoothed(answers, settings.smoothing), settings.teacher)
    wanted = without(wanted, labels, denied[rows].to(seen.device))
    head = nn.Linear(seen.shape[1], answers.shape[1], device=seen.device)
    head.load_state_dict(model.head.state_dict())
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=settings.epochs, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(head(seen), wanted) + DECAY * head.weight.square().sum()
        torch.autograd.backward(loss)
        return loss

    optimizer.step(cost)  # type: ignore[no-untyped-call]
    model.head.load_state_dict(head.state_dict())
