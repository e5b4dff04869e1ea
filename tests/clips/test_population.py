"""The random clips that errors are measured on."""

from itertools import pairwise

from . import Motion, Species, truth
from .population import specs


def test_the_nth_clip_does_not_depend_on_how_many_are_asked_for():
    assert list(specs(5)) == list(specs(9))[:5]
    assert list(specs(5)) != list(specs(5, seed=1))


def test_all_species_and_programmes_occur():
    animals = [spec.animal for spec in specs(100)]
    assert {animal.species for animal in animals} == set(Species)
    assert {animal.motion for animal in animals} == set(Motion)


def test_calls_do_not_overlap_and_end_before_the_clip():
    for spec in specs(100):
        calls = spec.sound.calls
        assert all(a.onset_s + a.duration_s < b.onset_s for a, b in pairwise(calls))
        assert not calls or calls[-1].onset_s + calls[-1].duration_s < spec.duration_s


def test_animals_stay_in_the_picture_for_most_of_the_clip():
    shares = [truth(spec).visible_share for spec in specs(6, duration_s=0.5)]
    assert sum(share.mean() > 0.5 for share in shares) >= 5
