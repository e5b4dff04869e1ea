"""Write Swift's three rings, each naming one server. Run as a script: Swift patches its process.

Usage: rings.py DIRECTORY account=PORT container=PORT object=PORT
"""

import sys
from pathlib import Path

from swift.common.ring import RingBuilder  # type: ignore[import-untyped]

PARTITION_POWER, REPLICAS, MIN_PART_HOURS = 4, 1, 1


def write(directory: Path, name: str, port: int) -> None:
    """Build one ring."""
    builder = RingBuilder(PARTITION_POWER, REPLICAS, MIN_PART_HOURS)
    address = {"ip": "127.0.0.1", "port": port}
    replication = {"replication_ip": "127.0.0.1", "replication_port": port}
    place = {"id": 0, "region": 1, "zone": 1, "device": "d1", "weight": 1.0, "meta": ""}
    builder.add_dev({**place, **address, **replication})
    builder.rebalance()
    builder.get_ring().save(str(directory / f"{name}.ring.gz"))


def main() -> None:
    """Write what the arguments say."""
    for argument in sys.argv[2:]:
        name, port = argument.split("=")
        write(Path(sys.argv[1]), name, int(port))


if __name__ == "__main__":
    main()
