"""A clip as a whole in one token."""

import torch

from polymodal.data.cepstra import cepstral, run_of
from polymodal.encoders.summary import SummaryNet


def test_numbers_enter_in_units_of_the_training_clips() -> None:
    sound = torch.randn(200, 30, 8) * 3 + 1
    told, _ = run_of(sound, cepstral(8))
    net = SummaryNet(8, told.mean(dim=0).tolist(), told.std(dim=0).tolist(), 16).eval()
    seen = []
    net.net.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net(sound)
    torch.testing.assert_close(seen[0].mean(dim=0), torch.zeros(24), atol=0.05, rtol=0)
    assert float(seen[0].abs().max()) <= 5.0


def test_a_clip_of_which_nothing_is_known_is_masked() -> None:
    net = SummaryNet(8, [0.0] * 24, [1.0] * 24, 16).eval()
    sound = torch.randn(3, 10, 8)
    sound[1] = torch.nan
    tokens = net(sound)
    assert tokens.mask.tolist() == [[True], [False], [True]]
    assert (tokens.values[1] == 0).all()


def test_what_the_training_clips_are_like_is_saved_with_the_weights() -> None:
    net = SummaryNet(8, [1.0] * 24, [2.0] * 24, 16).eval()
    again = SummaryNet(8, [0.0] * 24, [1.0] * 24, 16).eval()
    again.load_state_dict(net.state_dict())
    sound = torch.randn(2, 10, 8)
    torch.testing.assert_close(again(sound).values, net(sound).values)
