"""A metrics page made by the Prometheus client library for Python.

Arguments: certificate, key, authority of the clients; none for plain HTTP.
"""

import sys
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, start_http_server

registry = CollectorRegistry()
jobs = Counter("jobs", 'Jobs "done"\nso far', ["kind"], registry=registry)
jobs.labels('a\\b"c\nd').inc(3)
heat = Gauge("heat", "How hot it is", ["unit", "source_id"], registry=registry)
heat.labels("celsius", "kitchen").set(-1.5)
took = Histogram("took", "How long jobs took", buckets=(0.1, 1, 1e6), registry=registry)
took.observe(0.05)
took.observe(5)
size = Summary("size", "How large jobs were", registry=registry)
size.observe(3)

tls = {}
if len(sys.argv) > 1:
    certificate, key, authority = sys.argv[1:]
    tls = {"certfile": certificate, "keyfile": key, "client_cafile": authority, "client_auth_required": True}
server, _ = start_http_server(0, addr="127.0.0.1", registry=registry, **tls)
print("port", server.server_port, flush=True)
while True:
    time.sleep(60)
