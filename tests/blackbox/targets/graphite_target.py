"""Graphite's Carbon for a test.

graphite_target.py run DIRECTORY PORT    takes lines at the port and keeps them below the directory
graphite_target.py read DIRECTORY        prints what it keeps: {PATH: [[TIMESTAMP, VALUE], …], …}
"""

import json
import os
import runpy
import sys
import types

CONFIG = """[cache]
STORAGE_DIR = {directory}
CONF_DIR = {directory}
LOCAL_DATA_DIR = {directory}/whisper
PID_DIR = {directory}
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
ENABLE_UDP_LISTENER = False
PICKLE_RECEIVER_PORT = 0
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = 0
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
CACHE_WRITE_STRATEGY = naive
CARBON_METRIC_INTERVAL = 0
"""

SCHEMAS = """[all]
pattern = .*
retentions = 1s:1h
"""


def run(directory, port):
    import carbon

    # Python has it no more since 3.12; Carbon needs it for plugins alone.
    sys.modules.setdefault("imp", types.ModuleType("imp"))
    with open(os.path.join(directory, "carbon.conf"), "w") as file:
        file.write(CONFIG.format(directory=directory, port=port))
    with open(os.path.join(directory, "storage-schemas.conf"), "w") as file:
        file.write(SCHEMAS)
    os.environ["GRAPHITE_ROOT"] = directory
    packages = os.path.dirname(os.path.dirname(carbon.__file__))
    program = os.path.join(packages, "bin", "carbon-cache.py")
    config = "--config=" + os.path.join(directory, "carbon.conf")
    sys.argv = [program, config, "--nodaemon", "start"]
    runpy.run_path(program, run_name="__main__")


def read(directory):
    import whisper

    root = os.path.join(directory, "whisper")
    found = {}
    for place, _, names in os.walk(root):
        for name in names:
            path = os.path.join(place, name)
            metric = os.path.relpath(path, root)[: -len(".wsp")].replace(os.sep, ".")
            try:
                (start, _, step), values = whisper.fetch(path, 0)
            except whisper.CorruptWhisperFile:
                # Its head is being written: what asks again finds it whole.
                continue
            points = [[start + i * step, value] for i, value in enumerate(values)]
            found[metric] = [point for point in points if point[1] is not None]
    json.dump(found, sys.stdout)


if sys.argv[1] == "run":
    run(sys.argv[2], sys.argv[3])
else:
    read(sys.argv[2])
