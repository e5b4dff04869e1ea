"""What gunicorn's processes do besides answering."""

import gc

from api import server


def test_the_collector_does_not_walk_what_was_loaded_at_the_start():
    loaded = len(gc.get_objects())
    server.spare_what_is_loaded()
    try:
        assert len(gc.get_objects()) < loaded / 100
    finally:
        gc.unfreeze()
