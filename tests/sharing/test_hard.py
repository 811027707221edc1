"""Hard sharing changes nothing and costs nothing."""

from polymodal.sharing import Hard
from polymodal.testing.fake_tokens import fake_representation


def test_every_task_reads_the_same():
    given, hard = fake_representation(4, 2, 8, "mean"), Hard()
    hard.build(["a", "b"], 8)
    assert hard(given, ["b", "a"]) == {"b": given, "a": given}
    assert not list(hard.parameters())
