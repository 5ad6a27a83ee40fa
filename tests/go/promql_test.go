package logweir_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	logcache "code.cloudfoundry.org/go-log-cache/v3"
	"code.cloudfoundry.org/go-loggregator/v10/rpc/loggregator_v2"
	"github.com/prometheus/client_golang/api"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

const every = 15 * time.Second

// measured sends half an hour of metrics of two instances through a system, a sample every 15 s,
// and returns the time of the last. Instance n counts n+1 requests a second.
func measured(t *testing.T, s system) time.Time {
	t.Helper()
	last := time.Now().Truncate(every)
	ingress := loggregator_v2.NewIngressClient(s.dial(t, s.ingress, "metron"))
	ctx, cancel := context.WithTimeout(context.Background(), patience(20*time.Second))
	defer cancel()
	const samples = 120
	for instance := range 2 {
		batch := &loggregator_v2.EnvelopeBatch{}
		for sample := range samples {
			second := (sample + 1) * 15
			envelope := func() *loggregator_v2.Envelope {
				e := &loggregator_v2.Envelope{
					Timestamp: last.Add(time.Duration(sample-samples+1) * every).UnixNano(),
					SourceId:  "shop", InstanceId: fmt.Sprint(instance), Tags: map[string]string{"az": "z1"},
				}
				batch.Batch = append(batch.Batch, e)
				return e
			}
			total := uint64(second * (instance + 1))
			envelope().Message = &loggregator_v2.Envelope_Counter{Counter: &loggregator_v2.Counter{Name: "http.requests", Total: total}}
			envelope().Message = &loggregator_v2.Envelope_Gauge{Gauge: &loggregator_v2.Gauge{
				Metrics: map[string]*loggregator_v2.GaugeValue{"cpu": {Unit: "percentage", Value: float64(sample) / 4}},
			}}
			envelope().Message = &loggregator_v2.Envelope_Timer{Timer: &loggregator_v2.Timer{Name: "http", Start: 5, Stop: 5 + int64(second)}}
		}
		_, err := ingress.Send(ctx, batch)
		must(t, err)
	}
	remembered(t, cacheClients(t, s)["http"], "shop", 3*2*samples)
	return last
}

func near(got, expected float64) bool { return math.Abs(got-expected) <= 1e-9*math.Abs(expected) }

func TestThePrometheusClientOfGo(t *testing.T) {
	s := runAll(t)
	last := measured(t, s)
	client, err := api.NewClient(api.Config{Address: s.gateway + "/prometheus"})
	must(t, err)
	prom := prometheus.NewAPI(client)
	ctx, cancel := context.WithTimeout(context.Background(), patience(30*time.Second))
	defer cancel()

	t.Run("instant", func(t *testing.T) {
		found, warnings, _, err := prom.Query(ctx, `sum by (source_id) (rate(http_requests[5m]))`, last)
		must(t, err)
		vector, ok := found.(model.Vector)
		if !ok || len(vector) != 1 || vector[0].Metric["source_id"] != "shop" || !near(float64(vector[0].Value), 3) {
			t.Fatalf("the rate is %v", found)
		}
		if vector[0].Timestamp.Time().Unix() != last.Unix() || len(warnings) != 0 {
			t.Fatalf("at %v it warns %v", vector[0].Timestamp, warnings)
		}
		found, _, _, err = prom.Query(ctx, `cpu{instance_id=~"0|7", az!="z2"}`, last)
		must(t, err)
		if vector, ok := found.(model.Vector); !ok || len(vector) != 1 || vector[0].Value != 29.75 ||
			vector[0].Metric["__name__"] != "cpu" || vector[0].Metric["az"] != "z1" || vector[0].Metric["instance_id"] != "0" {
			t.Fatalf("the gauge is %v", found)
		}
		found, _, _, err = prom.Query(ctx, "6 * 7", last)
		if scalar, ok := found.(*model.Scalar); err != nil || !ok || scalar.Value != 42 {
			t.Fatalf("the scalar is %v, %v", found, err)
		}
		found, _, _, err = prom.Query(ctx, `http_requests{instance_id="1"}[1m]`, last)
		must(t, err)
		if matrix, ok := found.(model.Matrix); !ok || len(matrix) != 1 || len(matrix[0].Values) != 4 {
			t.Fatalf("the samples of a minute are %v", found)
		}
	})
	t.Run("range", func(t *testing.T) {
		found, _, _, err := prom.QueryRange(ctx, `rate(http_requests{source_id="shop"}[5m])`, prometheus.Range{
			Start: last.Add(-20 * time.Minute), End: last, Step: every,
		})
		must(t, err)
		matrix, ok := found.(model.Matrix)
		if !ok || len(matrix) != 2 {
			t.Fatalf("there are %v", found)
		}
		for instance, series := range matrix {
			if len(series.Values) != 81 || series.Metric["instance_id"] != model.LabelValue(fmt.Sprint(instance)) {
				t.Fatalf("%d of %v", len(series.Values), series.Metric)
			}
			for _, sample := range series.Values {
				if !near(float64(sample.Value), float64(instance+1)) {
					t.Fatalf("of %v there is %v", series.Metric, sample)
				}
			}
		}
	})
	t.Run("what there is", func(t *testing.T) {
		start, end := last.Add(-30*time.Minute), last.Add(time.Minute)
		names, _, _, err := prom.LabelNames(ctx, nil, start, end)
		must(t, err)
		for _, name := range []model.LabelName{"__name__", "az", "instance_id", "source_id"} {
			if !slices.Contains(names, name) {
				t.Errorf("%s is not among %v", name, names)
			}
		}
		values, _, _, err := prom.LabelValues(ctx, "__name__", []string{`{source_id="shop"}`}, start, end)
		if must(t, err); fmt.Sprint(values) != "[cpu http http_requests]" {
			t.Errorf("the names are %v", values)
		}
		series, _, _, err := prom.Series(ctx, []string{`http_requests`, `cpu{instance_id="1"}`}, start, end)
		if must(t, err); len(series) != 3 {
			t.Errorf("the series are %v", series)
		}
		_, err = prom.Metadata(ctx, "", "")
		must(t, err)
		built, err := prom.Buildinfo(ctx)
		if must(t, err); built.Version == "" {
			t.Errorf("it was built as %+v", built)
		}
		formatted, err := prom.FormatQuery(ctx, `sum(cpu)by(source_id)`)
		// The client gives it as it came, as JSON.
		if must(t, err); formatted != `"sum by (source_id) (cpu)"` {
			t.Errorf("it is formatted as %s", formatted)
		}
	})
	t.Run("errors", func(t *testing.T) {
		for expression, kind := range map[string]prometheus.ErrorType{
			"sum(":       prometheus.ErrBadData,
			"sum(cpu[1m": prometheus.ErrBadData,
			`label_replace(cpu, "x", "$1", "az", "(")`: prometheus.ErrExec,
		} {
			_, _, _, err := prom.Query(ctx, expression, last)
			var told *prometheus.Error
			if !errors.As(err, &told) || told.Type != kind || told.Msg == "" {
				t.Errorf("%s: %v", expression, err)
			}
		}
		// More steps than Prometheus answers.
		_, _, _, err := prom.QueryRange(ctx, "cpu", prometheus.Range{Start: last.Add(-time.Hour), End: last, Step: 100 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), "exceeded maximum resolution") {
			t.Errorf("36,000 steps: %v", err)
		}
		// It goes on.
		if _, _, _, err := prom.Query(ctx, "1", last); err != nil {
			t.Error(err)
		}
	})
}

func TestLogCacheClientsQuery(t *testing.T) {
	s := runAll(t)
	last := measured(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), patience(30*time.Second))
	defer cancel()
	at := logcache.WithPromQLTime(last.Add(time.Second))
	window := []logcache.PromQLOption{
		logcache.WithPromQLStart(last.Add(-10 * time.Minute)), logcache.WithPromQLEnd(last), logcache.WithPromQLStep("1m"),
	}
	clients := cacheClients(t, s)
	for way, client := range clients {
		t.Run(way, func(t *testing.T) {
			found, err := client.PromQL(ctx, `sum(http_requests{source_id="shop"})`, at)
			must(t, err)
			samples := found.GetVector().GetSamples()
			if len(samples) != 1 || samples[0].GetPoint().GetValue() != 1800+3600 {
				t.Fatalf("the sum is %v", found)
			}
			if told := samples[0].GetPoint().GetTime(); told != fmt.Sprintf("%d.000", last.Unix()+1) {
				t.Fatalf("its time is %s", told)
			}
			// A label that the envelopes have, and no name.
			found, err = client.PromQL(ctx, `http{source_id="shop",instance_id="1"}`, at)
			must(t, err)
			sample := found.GetVector().GetSamples()
			if len(sample) != 1 || sample[0].GetPoint().GetValue() != 1800 || sample[0].GetMetric()["az"] != "z1" || sample[0].GetMetric()["__name__"] != "" {
				t.Fatalf("the timer is %v", found)
			}
			ranged, err := client.PromQLRange(ctx, `cpu{source_id="shop",instance_id="0"}`, window...)
			must(t, err)
			if series := ranged.GetMatrix().GetSeries(); len(series) != 1 || len(series[0].GetPoints()) != 11 {
				t.Fatalf("the range is %v", ranged)
			}
			scalar, err := client.PromQL(ctx, `7*9`, at)
			if must(t, err); scalar.GetScalar().GetValue() != 63 {
				t.Fatalf("the scalar is %v", scalar)
			}
			if _, err := client.PromQL(ctx, `cpu`, at); err == nil {
				t.Fatal("a metric without a source is answered")
			}
		})
	}
	client := clients["http"]
	raw, err := client.PromQLRaw(ctx, `cpu`, at)
	if must(t, err); raw.Status != "error" || !strings.Contains(raw.Error, "metric 'cpu' does not have a 'source_id' label") {
		t.Fatalf("without a source it says %+v", raw)
	}
	raw, err = client.PromQLRaw(ctx, `cpu{source_id="shop"}`, at)
	if must(t, err); raw.Status != "success" || raw.Data.ResultType != "vector" {
		t.Fatalf("the raw answer is %+v", raw)
	}
	raw, err = client.PromQLRangeRaw(ctx, `cpu{source_id="shop"}`, window...)
	if must(t, err); raw.Status != "success" || raw.Data.ResultType != "matrix" {
		t.Fatalf("the raw range is %+v", raw)
	}
	raw, err = client.PromQLRangeRaw(ctx, `cpu{source_id="shop"}`, append(window, logcache.WithPromQLStep("0"))...)
	if must(t, err); raw.Status != "error" || raw.Error == "" {
		t.Fatalf("a step of nothing is answered: %+v", raw)
	}
}
