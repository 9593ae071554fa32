"""Writes every part's folder and configuration files."""

from compose.credentials import Credentials
from compose.files import write_whole
from compose.layout import Layout
from compose.local import supervision
from compose.parts import Part, balancer, metrics_folder
from compose.parts.service import list_instances
from compose.parts.stores import make_bucket
from compose.postgres import shard_map
from compose.registry import list_files
from compose.topology import Topology


def write_files(topology: Topology, layout: Layout, credentials: Credentials, parts: tuple[Part, ...]) -> None:
    """Make each part's folder and its files in it, readable to the part's user alone, and the shard map."""
    folders = {part.name: layout.make_folder(part.name, part.user) for part in parts}
    files = list_files(topology, layout, credentials)
    for part in parts:
        for name, text in files.get(part.name, {}).items():
            write_whole(folders[part.name] / name, text, user=part.user)
    make_bucket(layout.objects)
    for instance in list_instances(topology):
        metrics_folder(layout, instance).mkdir()
    if layout.user:
        for name in balancer.open_folders(topology):
            folders[name].chmod(0o711)
    shard_map.write(layout.shards, shard_map.spread(topology, credentials))
    layout.make_folder("supervisor", None)
    supervisor = supervision.configure(topology, layout, credentials, parts)
    write_whole(supervision.configuration_path(layout), supervisor)
