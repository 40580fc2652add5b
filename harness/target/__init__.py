"""Starts what is measured: an image, a build, a compose service or a local command."""

from harness.target.attached import attach_container, attach_process, running_container
from harness.target.engine import connect_engine
from harness.target.gc import Leftover, collect_garbage, empty_run_folders
from harness.target.labels import RunLabels, owner_labels
from harness.target.protocol import RunningTarget
from harness.target.start import start_target
from harness.target.workspace import mark_owner

__all__ = [
    "Leftover",
    "RunLabels",
    "RunningTarget",
    "attach_container",
    "attach_process",
    "collect_garbage",
    "connect_engine",
    "empty_run_folders",
    "mark_owner",
    "owner_labels",
    "running_container",
    "start_target",
]
