"""Asks a Prometheus, by its API client for Python, for what `measured.rs` sent.

Arguments: its URL, the Unix second of the last sample.
"""

import sys
from datetime import datetime, timedelta, timezone

from prometheus_api_client import PrometheusApiClientException, PrometheusConnect

url, last = sys.argv[1], int(sys.argv[2])
end = datetime.fromtimestamp(last, timezone.utc)
half_an_hour = end - timedelta(minutes=30)


def expect(got, expected, what):
    if got != expected:
        sys.exit(f"{what}: {got!r}, expected {expected!r}")


for method in ["GET", "POST"]:
    prometheus = PrometheusConnect(url=url, method=method)
    at = {"time": last}

    found = prometheus.custom_query("sum by (source_id) (rate(http_requests[5m]))", at)
    expect([(one["metric"], float(one["value"][1])) for one in found], [({"source_id": "shop"}, 3.0)], "the rate")

    found = prometheus.custom_query_range("max(cpu)", half_an_hour, end, "15s")
    expect(len(found), 1, "series of a range")
    values = [float(value) for _, value in found[0]["values"]]
    expect(values, [sample / 4 for sample in range(120)], "the range")

    found = prometheus.get_current_metric_value("cpu", {"instance_id": "1"}, at)
    expect([one["value"][1] for one in found], ["29.75"], "the current value")
    labels = {"__name__": "cpu", "az": "z1", "instance_id": "1", "source_id": "shop"}
    expect({name: found[0]["metric"].get(name) for name in labels}, labels, "its labels")

    found = prometheus.get_metric_range_data("http_requests", {"instance_id": "0"}, end - timedelta(minutes=5), end)
    expect([value for _, value in found[0]["values"]], [str(total) for total in range(1515, 1801, 15)], "raw samples")

    window = {"start": last - 1800, "end": last + 1}
    expect(sorted(prometheus.all_metrics(window)), ["cpu", "http_requests"], "all metrics")
    expect(prometheus.get_label_values("source_id", window), ["shop"], "the sources")
    missing = {"__name__", "az", "instance_id", "source_id"} - set(prometheus.get_label_names(window))
    expect(missing, set(), "labels that are not there")
    found = prometheus.get_series(half_an_hour, end + timedelta(seconds=1), {"match[]": '{source_id="shop"}'})
    expect(len(found), 4, "series")

    for wrong in ["sum(", "cpu[1m", 'label_replace(cpu, "x", "$1", "az", "(")']:
        try:
            prometheus.custom_query(wrong, at)
        except PrometheusApiClientException:
            continue
        sys.exit(f"{wrong} is answered")

print("as expected", flush=True)
