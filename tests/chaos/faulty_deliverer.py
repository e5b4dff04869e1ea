"""The deliverer with its schedule of days compressed to seconds; otherwise as it is."""

from shared import deliveries
from worker.deliverer import app

__all__ = ["app"]

deliveries.RETRIES_AFTER_S = (0.5, 1.0, 2.0) + (3.0,) * 40
deliveries.MOST_ATTEMPTS = 1 + len(deliveries.RETRIES_AFTER_S)
deliveries.LEASE_S = 8
