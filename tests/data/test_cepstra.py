"""What sums a clip up."""

import numpy as np
import torch
from scipy.fft import dct

from polymodal.data.cepstra import COEFFICIENTS, cepstral, run_of


def test_the_basis_is_the_orthonormal_cosine_transform() -> None:
    bands = np.random.default_rng(0).normal(size=(5, 48)).astype(np.float32)
    wanted = dct(bands, axis=1, norm="ortho")[:, :COEFFICIENTS]
    np.testing.assert_allclose(bands @ cepstral(48).numpy(), wanted, atol=1e-5)
    assert cepstral(8).shape == (8, 8)
    torch.testing.assert_close(cepstral(8).T @ cepstral(8), torch.eye(8), atol=1e-6, rtol=0)


def test_mean_spread_and_steps_of_what_is_known() -> None:
    sound = torch.tensor([[1.0, 3.0, 2.0, 99.0]]).unsqueeze(2)
    sound[0, 3] = torch.nan
    told, known = run_of(sound, torch.ones(1, 1))
    torch.testing.assert_close(told, torch.tensor([[2.0, (2 / 3) ** 0.5, 1.5]]))
    assert known.tolist() == [True]


def test_a_gap_is_no_step_and_padding_changes_nothing() -> None:
    basis = cepstral(8)
    sound = torch.randn(2, 12, 8)
    sound[0, 5] = torch.nan
    sound[1, 3, 2] = torch.nan  # a frame that lacks one band is left out
    longer = torch.cat([sound, torch.full((2, 7, 8), torch.nan)], dim=1)
    torch.testing.assert_close(run_of(longer, basis)[0], run_of(sound, basis)[0])
    halves = torch.cat([sound[:1, :5], sound[:1, 6:]], dim=1)
    assert torch.allclose(run_of(halves, basis)[0][:, :8], run_of(sound[:1], basis)[0][:, :8], atol=1e-6)
    assert not torch.allclose(run_of(halves, basis)[0][:, 16:], run_of(sound[:1], basis)[0][:, 16:])


def test_nothing_known_is_said_and_has_gradients_that_are_finite() -> None:
    sound = torch.randn(3, 6, 8)
    sound[1] = torch.nan
    sound[2, 1:] = torch.nan
    sound.requires_grad_()
    told, known = run_of(sound, cepstral(8))
    assert known.tolist() == [True, False, True]
    assert (told[1, :8] == 0).all()
    told.sum().backward()
    assert bool(torch.isfinite(sound.grad).all())
    assert (sound.grad[1] == 0).all()
