package otel_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"code.cloudfoundry.org/go-loggregator/v10"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"logweir.test/program"
)

// fleet is a forwarder agent and where its collector is to be.
type fleet struct {
	agent  *process
	client *loggregator.IngressClient
	certs  string
	port   int
	// What the collector was given, a line of JSON for each request.
	sink string
}

// startFleet starts a forwarder agent, whose collector is not there yet.
func startFleet(t *testing.T) *fleet {
	t.Helper()
	dir := t.TempDir()
	f := &fleet{certs: filepath.Join(dir, "certs"), port: freePort(t), sink: filepath.Join(dir, "sink")}
	made, err := exec.Command(binary(t), "certs", "--dir", f.certs, "--name", "metron", "--name", "otel-collector").CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %s", err, made)
	}
	file := filepath.Join(dir, "ingress_port.yml")
	must(t, os.WriteFile(file, fmt.Appendf(nil, "ingress: %d\nprotocol: otelcol\n", f.port), 0o600))
	env := map[string]string{
		"AGENT_PORT":                   "0",
		"AGENT_TAGS":                   "deployment:cf",
		"DOWNSTREAM_INGRESS_PORT_GLOB": file,
		"EMIT_OTEL_LOGS":               "true",
		"EMIT_OTEL_METRICS":            "true",
		"EMIT_OTEL_TRACES":             "true",
	}
	for _, prefix := range []string{"AGENT", "METRICS"} {
		env[prefix+"_CA_FILE_PATH"] = f.cert("ca.crt")
		env[prefix+"_CERT_FILE_PATH"] = f.cert("metron.crt")
		env[prefix+"_KEY_FILE_PATH"] = f.cert("metron.key")
	}
	f.agent = program.StartAs(t, "forwarder-agent", env)
	port := f.agent.Wait(t, `grpc bound to: .*:(\d+)`)
	conf, err := loggregator.NewIngressTLSConfig(f.cert("ca.crt"), f.cert("metron.crt"), f.cert("metron.key"))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	f.client, err = loggregator.NewIngressClient(conf, loggregator.WithAddr("127.0.0.1:"+port),
		loggregator.WithContext(ctx), loggregator.WithBatchFlushInterval(10*time.Millisecond))
	must(t, err)
	return f
}

func (f *fleet) cert(name string) string { return filepath.Join(f.certs, name) }

// collect starts the collector with pipelines for these signals.
func (f *fleet) collect(t *testing.T, signals ...string) *process {
	t.Helper()
	var pipelines strings.Builder
	for _, signal := range signals {
		fmt.Fprintf(&pipelines, "    %s: {receivers: [otlp], exporters: [sink]}\n", signal)
	}
	return runCollector(t, fmt.Sprintf(`
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: "127.0.0.1:%d"
        tls: {cert_file: %q, key_file: %q, client_ca_file: %q}
exporters:
  sink: {path: %q}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
%s`, f.port, f.cert("otel-collector.crt"), f.cert("otel-collector.key"), f.cert("ca.crt"), f.sink, &pipelines))
}

// given shows every line that the sink has.
func (f *fleet) given(t *testing.T, each func(line []byte)) {
	t.Helper()
	file, err := os.Open(f.sink)
	if os.IsNotExist(err) {
		return
	}
	must(t, err)
	defer file.Close()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 64<<20)
	for scanner.Scan() {
		each(scanner.Bytes())
	}
}

func (f *fleet) logs(t *testing.T) map[string][]plog.LogRecord {
	t.Helper()
	all := map[string][]plog.LogRecord{}
	f.given(t, func(line []byte) {
		logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		if err != nil {
			return
		}
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					body := record.Body().AsString()
					all[body] = append(all[body], record)
				}
			}
		}
	})
	return all
}

func (f *fleet) metrics(t *testing.T) map[string]pmetric.Metric {
	t.Helper()
	all := map[string]pmetric.Metric{}
	f.given(t, func(line []byte) {
		metrics, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
		if err != nil {
			return
		}
		for _, resource := range metrics.ResourceMetrics().All() {
			for _, scope := range resource.ScopeMetrics().All() {
				for _, metric := range scope.Metrics().All() {
					all[metric.Name()] = metric
				}
			}
		}
	})
	return all
}

func (f *fleet) spans(t *testing.T) map[string]ptrace.Span {
	t.Helper()
	all := map[string]ptrace.Span{}
	f.given(t, func(line []byte) {
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		if err != nil {
			return
		}
		for _, resource := range traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					all[span.Name()] = span
				}
			}
		}
	})
	return all
}

func text(attributes pcommon.Map) string { return fmt.Sprint(attributes.AsRaw()) }

const (
	traceID = "5b8efff798038103d269b633813fc60c"
	spanID  = "eee19b7ec3c1b174"
)

func TestAForwarderAgentExportsEverySignal(t *testing.T) {
	f := startFleet(t)
	f.collect(t, "logs", "metrics", "traces")
	f.client.EmitLog("out", loggregator.WithAppInfo("app", "RTR", "1"), loggregator.WithStdout())
	f.client.EmitLog("err", loggregator.WithAppInfo("app", "RTR", "1"))
	must(t, f.client.EmitEvent(t.Context(), "title", "body"))
	f.client.EmitCounter("requests", loggregator.WithDelta(5), loggregator.WithCounterSourceInfo("app", "1"))
	f.client.EmitGauge(loggregator.WithGaugeValue("cpu", 0.25, "percentage"), loggregator.WithGaugeSourceInfo("app", "1"))
	tags := map[string]string{"trace_id": traceID, "span_id": spanID, "peer_type": "Server", "uri": "http://shop/items?n=1"}
	f.client.EmitTimer("http", time.Unix(1, 0), time.Unix(2, 0),
		loggregator.WithEnvelopeTags(tags), loggregator.WithTimerSourceInfo("app", "1"))
	eventually(t, 20*time.Second, "everything comes", func() bool {
		logs, metrics := f.logs(t), f.metrics(t)
		_, cpu := metrics["cpu"]
		_, requests := metrics["requests"]
		return len(logs) >= 3 && cpu && requests && len(f.spans(t)) == 1
	})
	logs := f.logs(t)
	out, err := logs["out"][0], logs["err"][0]
	if out.SeverityText() != "SEVERITY_NUMBER_INFO" || out.SeverityNumber() != plog.SeverityNumberInfo {
		t.Error(out.SeverityText())
	}
	if err.SeverityText() != "SEVERITY_NUMBER_ERROR" || err.SeverityNumber() != plog.SeverityNumberError {
		t.Error(err.SeverityText())
	}
	if text(out.Attributes()) != "map[deployment:cf instance_id:1 source_id:app source_type:RTR]" {
		t.Error(text(out.Attributes()))
	}
	event := logs[`{"body":"body","title":"title"}`]
	if len(event) != 1 || event[0].SeverityNumber() != plog.SeverityNumberUnspecified {
		t.Error(logs)
	}
	metrics := f.metrics(t)
	sum := metrics["requests"].Sum()
	if !sum.IsMonotonic() || sum.AggregationTemporality() != pmetric.AggregationTemporalityCumulative || sum.DataPoints().At(0).IntValue() != 5 {
		t.Error(sum)
	}
	cpu := metrics["cpu"]
	if cpu.Unit() != "percentage" || cpu.Gauge().DataPoints().At(0).DoubleValue() != 0.25 {
		t.Error(cpu)
	}
	span, found := f.spans(t)["/items"]
	if !found {
		t.Fatal(f.spans(t))
	}
	if span.TraceID().String() != traceID || span.SpanID().String() != spanID || span.Kind() != ptrace.SpanKindServer {
		t.Error(span)
	}
	if span.StartTimestamp() != 1e9 || span.EndTimestamp() != 2e9 || span.Status().Code() != ptrace.StatusCodeUnset {
		t.Error(span)
	}
	f.agent.Terminate(t)
	f.agent.Wait(t, `(forwarder agent: ingress \d+ \(unmatched 0, malformed 0\), offered \d+ = egress \d+ \+ dropped 0 \+ queued 0)`)
}

// Nothing is lost though the collector is not there at first, and goes in between.
func TestACollectorComesLateAndGoes(t *testing.T) {
	f := startFleet(t)
	emit := func(from, to int) {
		for n := from; n < to; n++ {
			f.client.EmitLog(fmt.Sprintf("line %d", n), loggregator.WithAppInfo("app", "APP", "0"))
			f.client.EmitCounter(fmt.Sprintf("counter %d", n))
		}
	}
	arrived := func(until int) func() bool {
		return func() bool { return len(f.logs(t)) == until && len(f.metrics(t)) == until }
	}
	emit(0, 300)
	f.agent.Wait(t, `(\[OTEL COLLECTOR CLIENT\] -> 127.0.0.1:\d+: cannot connect)`)
	first := f.collect(t, "logs", "metrics")
	eventually(t, 20*time.Second, "what waited comes", arrived(300))
	first.Kill()
	emit(300, 600)
	f.collect(t, "logs", "metrics")
	eventually(t, 30*time.Second, "what came meanwhile comes", arrived(600))
	f.agent.Terminate(t)
	f.agent.Wait(t, `(forwarder agent: .* dropped 0 \+ queued 0)`)
}

// A collector without a pipeline for logs refuses them; metrics go on, and the loss is told.
func TestASignalThatTheCollectorDoesNotKnow(t *testing.T) {
	f := startFleet(t)
	f.collect(t, "metrics")
	f.client.EmitLog("nowhere", loggregator.WithAppInfo("app", "APP", "0"))
	f.agent.Wait(t, `(\[OTEL COLLECTOR CLIENT\] -> 127.0.0.1:\d+: Write error: .*LogsService)`)
	f.client.EmitCounter("after")
	eventually(t, 20*time.Second, "metrics come", func() bool {
		_, found := f.metrics(t)["after"]
		return found
	})
	f.agent.Terminate(t)
	f.agent.Wait(t, `(forwarder agent: dropped 1 for refused)`)
}
