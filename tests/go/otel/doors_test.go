package otel_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"logweir.test/program"
)

// shop is who the producers of these tests are.
var shop = resource.NewSchemaless(
	attribute.String("service.name", "shop"),
	attribute.String("service.instance.id", "2"),
)

// logger sends log records to a door as they come.
func logger(t *testing.T, door string, opts ...otlploggrpc.Option) log.Logger {
	t.Helper()
	opts = append([]otlploggrpc.Option{otlploggrpc.WithEndpoint(door), otlploggrpc.WithInsecure()}, opts...)
	exporter, err := otlploggrpc.New(t.Context(), opts...)
	must(t, err)
	provider := sdklog.NewLoggerProvider(
		sdklog.WithResource(shop), sdklog.WithProcessor(sdklog.NewSimpleProcessor(exporter)))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	return provider.Logger("shop/log")
}

func say(logger log.Logger, body string) {
	var record log.Record
	record.SetTimestamp(time.Unix(1, 2))
	record.SetSeverity(log.SeverityError)
	record.SetSeverityText("ERROR")
	record.SetBody(log.StringValue(body))
	record.AddAttributes(log.Int("n", 7))
	logger.Emit(context.Background(), record)
}

// prime sends until the reader gets something: from then on it misses nothing.
func prime(t *testing.T, logger log.Logger, r *reader) {
	t.Helper()
	eventually(t, 20*time.Second, "the reader gets something", func() bool {
		say(logger, "prime")
		return len(r.logs("prime")) > 0
	})
}

func TestLogsOfAnSDKOverGRPC(t *testing.T) {
	_, doors := program.RunAll(t)
	r := read(t, doors["http"])
	prime(t, logger(t, doors["otlp_grpc"]), r)
	say(logger(t, doors["otlp_grpc"], otlploggrpc.WithCompressor("gzip")), "packed")
	eventually(t, 10*time.Second, "the log comes", func() bool { return len(r.logs("packed")) == 1 })
	found := r.logs("packed")[0]
	if found.SourceID != "shop" || found.InstanceID != "2" || found.Timestamp != "1000000002" || found.Log.Type != "ERR" {
		t.Errorf("%+v", found)
	}
	for name, value := range map[string]string{
		"n": "7", "service.name": "shop", "otel.scope.name": "shop/log",
		"severity_number": "17", "severity_text": "ERROR",
	} {
		if found.Tags[name] != value {
			t.Errorf("tag %s is %q, not %q", name, found.Tags[name], value)
		}
	}
}

func TestMetricsOfAnSDKOverHTTP(t *testing.T) {
	_, doors := program.RunAll(t)
	r := read(t, doors["http"])
	prime(t, logger(t, doors["otlp_grpc"]), r)

	// What the producer is told by the doors' answers.
	var told []error
	for _, way := range []struct {
		name        string
		temporality metricdata.Temporality
		compression otlpmetrichttp.Compression
	}{
		{"cumulative", metricdata.CumulativeTemporality, otlpmetrichttp.NoCompression},
		{"delta", metricdata.DeltaTemporality, otlpmetrichttp.GzipCompression},
	} {
		exporter, err := otlpmetrichttp.New(t.Context(),
			otlpmetrichttp.WithEndpoint(doors["otlp_http"]), otlpmetrichttp.WithInsecure(),
			otlpmetrichttp.WithCompression(way.compression),
			otlpmetrichttp.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality {
				return way.temporality
			}))
		must(t, err)
		reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour))
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithResource(shop), sdkmetric.WithReader(reader))
		meter := provider.Meter("shop/metric")
		kind := metric.WithAttributes(attribute.String("way", way.name))
		requests, err := meter.Int64Counter("requests")
		must(t, err)
		depth, err := meter.Float64Gauge("depth", metric.WithUnit("m"))
		must(t, err)
		open, err := meter.Int64UpDownCounter("open")
		must(t, err)
		took, err := meter.Float64Histogram("took", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(0.1, 1))
		must(t, err)
		// Two collections: totals go on either way.
		for range 2 {
			requests.Add(t.Context(), 3, kind)
			depth.Record(t.Context(), 1.5, kind)
			open.Add(t.Context(), 1, kind)
			took.Record(t.Context(), 0.5, kind)
			told = append(told, provider.ForceFlush(t.Context()))
		}
		told = append(told, provider.Shutdown(t.Context()))

		named := func(name, le string) []envelope {
			return r.where(func(e *envelope) bool {
				return e.Tags["way"] == way.name && e.Counter != nil && e.Counter.Name == name && e.Tags["le"] == le
			})
		}
		total := func(name, le, wanted string) {
			t.Helper()
			eventually(t, 10*time.Second, name+" is "+wanted, func() bool {
				found := named(name, le)
				return len(found) > 0 && found[len(found)-1].Counter.Total == wanted
			})
		}
		total("requests", "", "6")
		total("took_count", "", "2")
		total("took_bucket", "1", "2")
		total("took_bucket", "+Inf", "2")
		gauges := func(name string) []envelope {
			return r.where(func(e *envelope) bool {
				if e.Tags["way"] != way.name || e.Gauge == nil {
					return false
				}
				_, found := e.Gauge.Metrics[name]
				return found
			})
		}
		eventually(t, 10*time.Second, "the gauge comes", func() bool { return len(gauges("depth")) >= 2 })
		if depth := gauges("depth")[0].Gauge.Metrics["depth"]; depth.Value != 1.5 || depth.Unit != "m" {
			t.Errorf("%+v", depth)
		}
		switch way.temporality {
		case metricdata.CumulativeTemporality:
			eventually(t, 10*time.Second, "the sum comes", func() bool { return len(gauges("open")) >= 2 })
			if all := gauges("open"); all[len(all)-1].Gauge.Metrics["open"].Value != 2 {
				t.Errorf("%+v", all)
			}
			must(t, errors.Join(told...))
		default:
			// What cannot be said in an envelope is refused, and the producer is told.
			if text := errors.Join(told...).Error(); !strings.Contains(text, "a delta of a sum that is not monotonic") {
				t.Error(text)
			}
			if all := gauges("open"); len(all) > 0 {
				t.Errorf("%+v", all)
			}
		}
	}
}

func TestSpansOfAnSDKOverGRPC(t *testing.T) {
	_, doors := program.RunAll(t)
	r := read(t, doors["http"])
	prime(t, logger(t, doors["otlp_grpc"]), r)
	exporter, err := otlptracegrpc.New(t.Context(),
		otlptracegrpc.WithEndpoint(doors["otlp_grpc"]), otlptracegrpc.WithInsecure())
	must(t, err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(shop), sdktrace.WithBatcher(exporter))
	tracer := provider.Tracer("shop/trace")
	ctx, parent := tracer.Start(t.Context(), "GET /cart", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithTimestamp(time.Unix(10, 0)))
	_, child := tracer.Start(ctx, "select", trace.WithSpanKind(trace.SpanKindClient))
	child.End()
	parent.End(trace.WithTimestamp(time.Unix(11, 0)))
	must(t, provider.Shutdown(t.Context()))
	timers := func(name string) []envelope {
		return r.where(func(e *envelope) bool { return e.Timer != nil && e.Timer.Name == name })
	}
	eventually(t, 10*time.Second, "both spans come", func() bool {
		return len(timers("GET /cart")) == 1 && len(timers("select")) == 1
	})
	cart, query := timers("GET /cart")[0], timers("select")[0]
	if cart.Timer.Start != "10000000000" || cart.Timer.Stop != "11000000000" || cart.Tags["peer_type"] != "Server" {
		t.Errorf("%+v", cart)
	}
	ids := parent.SpanContext()
	if cart.Tags["trace_id"] != ids.TraceID().String() || cart.Tags["span_id"] != ids.SpanID().String() {
		t.Errorf("%+v", cart.Tags)
	}
	if query.Tags["parent_span_id"] != ids.SpanID().String() || query.Tags["span.kind"] != "client" {
		t.Errorf("%+v", query.Tags)
	}
}

// A collector hands on to both doors: protobuf over gRPC, and JSON over HTTP, both packed.
func TestACollectorHandsOn(t *testing.T) {
	_, doors := program.RunAll(t)
	r := read(t, doors["http"])
	prime(t, logger(t, doors["otlp_grpc"]), r)
	port := freePort(t)
	runCollector(t, fmt.Sprintf(`
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:%d"}}}
exporters:
  otlp: {endpoint: %q, tls: {insecure: true}, compression: gzip}
  otlphttp: {endpoint: "http://%s", encoding: json, compression: gzip}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], exporters: [otlp, otlphttp]}
    traces: {receivers: [otlp], exporters: [otlp, otlphttp]}
`, port, doors["otlp_grpc"], doors["otlp_http"]))
	door := fmt.Sprintf("127.0.0.1:%d", port)
	say(logger(t, door), "handed on")
	eventually(t, 15*time.Second, "the log comes both ways", func() bool { return len(r.logs("handed on")) == 2 })
	both := r.logs("handed on")
	for _, one := range both {
		if one.SourceID != "shop" || one.Timestamp != "1000000002" || one.Tags["n"] != "7" || one.Log.Type != "ERR" {
			t.Errorf("%+v", one)
		}
	}
	if fmt.Sprint(both[0].Tags) != fmt.Sprint(both[1].Tags) {
		t.Errorf("%v is not %v", both[0].Tags, both[1].Tags)
	}
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(door), otlptracegrpc.WithInsecure())
	must(t, err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(shop), sdktrace.WithSyncer(exporter))
	_, span := provider.Tracer("shop/trace").Start(t.Context(), "both")
	span.AddEvent("left out")
	span.End()
	timers := func() []envelope {
		return r.where(func(e *envelope) bool { return e.Timer != nil && e.Timer.Name == "both" })
	}
	eventually(t, 15*time.Second, "the span comes both ways", func() bool { return len(timers()) == 2 })
	if all := timers(); fmt.Sprint(all[0].Tags, all[0].Timer) != fmt.Sprint(all[1].Tags, all[1].Timer) {
		t.Errorf("%+v", all)
	}
}
