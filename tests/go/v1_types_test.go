package logweir_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"code.cloudfoundry.org/go-loggregator/v10"
	"code.cloudfoundry.org/go-loggregator/v10/rpc/loggregator_v2"
	"github.com/cloudfoundry/dropsonde/factories"
	"github.com/cloudfoundry/noaa/v2/consumer"
	"github.com/cloudfoundry/sonde-go/events"
	uuid "github.com/nu7hatch/gouuid"
	"google.golang.org/protobuf/proto"
)

const (
	appGuid   = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
	otherGuid = "00112233-4455-4677-8899-aabbccddeeff"
)

// emitEveryV1Type sends one of each event through the reference emitter; two counters.
func emitEveryV1Type(t *testing.T, s sender, app string) {
	t.Helper()
	must(t, s.logs.LogMessage([]byte("out"), events.LogMessage_OUT).SetAppId(app).SetSourceType("APP/PROC/WEB").
		SetSourceInstance("3").SetTag("space_name", "prod").Send())
	must(t, s.logs.SendAppErrorLog(app, "err", "RTR", "4"))
	must(t, s.metrics.Value("queue", 2.5, "jobs").SetTag("instance_id", "7").Send())
	must(t, s.metrics.Counter("requests").SetTag("route", "/").Add(3))
	must(t, s.metrics.Counter("requests").SetTag("route", "/").Add(4))
	must(t, s.metrics.SendContainerMetric(app, 2, 12.5, 1<<30, 1<<31))
	request, err := http.NewRequest(http.MethodPut, "http://shop.example/cart?secret=1", nil)
	must(t, err)
	request.RemoteAddr = "10.0.0.1:4711"
	request.Header.Set("User-Agent", "curl")
	request.Header.Set("X-CF-ApplicationID", app)
	request.Header.Set("X-CF-InstanceIndex", "5")
	request.Header.Set("X-CF-InstanceID", "instance-five")
	request.Header.Set("X-Forwarded-For", "1.1.1.1, 2.2.2.2")
	id, err := uuid.ParseHex(otherGuid)
	must(t, err)
	must(t, s.Emit(factories.NewHttpStartStop(request, 418, 99, events.PeerType_Server, id)))
	must(t, s.EmitEnvelope(&events.Envelope{
		Origin: proto.String(s.Origin()), EventType: events.Envelope_Error.Enum(), Timestamp: proto.Int64(time.Now().UnixNano()),
		Error: &events.Error{Source: proto.String("disk"), Code: proto.Int32(28), Message: proto.String("no space")},
	}))
}

// checkEveryV1Type compares what a firehose gave with what emitEveryV1Type sent.
func checkEveryV1Type(t *testing.T, r *v1Reader, s sender, app string) {
	t.Helper()
	ours := func(e *events.Envelope) bool { return e.GetOrigin() == s.Origin() }
	log := func(text string) *events.Envelope {
		return r.only(t, events.Envelope_LogMessage, func(e *events.Envelope) bool {
			return ours(e) && string(e.GetLogMessage().GetMessage()) == text
		})
	}
	out := log("out")
	if m := out.GetLogMessage(); m.GetMessageType() != events.LogMessage_OUT || m.GetAppId() != app ||
		m.GetSourceType() != "APP/PROC/WEB" || m.GetSourceInstance() != "3" || m.GetTimestamp() == 0 ||
		out.GetTags()["space_name"] != "prod" || out.GetTags()["source_id"] == "" {
		t.Errorf("log: %v", out)
	}
	if m := log("err").GetLogMessage(); m.GetMessageType() != events.LogMessage_ERR || m.GetSourceType() != "RTR" {
		t.Errorf("error log: %v", m)
	}
	value := r.only(t, events.Envelope_ValueMetric, ours)
	if m := value.GetValueMetric(); m.GetName() != "queue" || m.GetValue() != 2.5 || m.GetUnit() != "jobs" ||
		value.GetTags()["instance_id"] != "7" {
		t.Errorf("value: %v", value)
	}
	for delta, total := range map[uint64]uint64{3: 3, 4: 7} {
		counter := r.only(t, events.Envelope_CounterEvent, func(e *events.Envelope) bool {
			return ours(e) && e.GetCounterEvent().GetDelta() == delta
		})
		if m := counter.GetCounterEvent(); m.GetName() != "requests" || m.GetTotal() != total || counter.GetTags()["route"] != "/" {
			t.Errorf("counter: %v, want a total of %d", counter, total)
		}
	}
	container := r.only(t, events.Envelope_ContainerMetric, ours).GetContainerMetric()
	if container.GetApplicationId() != app || container.GetInstanceIndex() != 2 || container.GetCpuPercentage() != 12.5 ||
		container.GetMemoryBytes() != 1<<30 || container.GetDiskBytes() != 1<<31 {
		t.Errorf("container: %v", container)
	}
	event := r.only(t, events.Envelope_HttpStartStop, ours).GetHttpStartStop()
	id, err := uuid.ParseHex(app)
	must(t, err)
	if !proto.Equal(event.GetApplicationId(), factories.NewUUID(id)) || event.GetMethod() != events.Method_PUT ||
		event.GetPeerType() != events.PeerType_Server || event.GetUri() != "http://shop.example/cart" ||
		event.GetStatusCode() != 418 || event.GetContentLength() != 99 || event.GetInstanceIndex() != 5 ||
		event.GetInstanceId() != "instance-five" || event.GetUserAgent() != "curl" ||
		!slices.Equal(event.GetForwarded(), []string{"1.1.1.1", "2.2.2.2"}) {
		t.Errorf("http: %v", event)
	}
	failure := r.only(t, events.Envelope_Error, ours).GetError()
	if failure.GetSource() != "disk" || failure.GetCode() != 28 || failure.GetMessage() != "no space" {
		t.Errorf("error: %v", failure)
	}
}

func TestDropsondeArrivesAtTheFirehose(t *testing.T) {
	v1, _ := runAllV1(t)
	s := v1.sender(t, 0, "shop/router")
	r := v1.firehose(t, "archive")
	s.prime(t, appGuid, r)
	emitEveryV1Type(t, s, appGuid)
	checkEveryV1Type(t, r, s, appGuid)
	// The agent's own fields are there, even if they say nothing.
	for _, e := range r.where(func(e *events.Envelope) bool { return true }) {
		if e.Deployment == nil || e.Job == nil || e.Index == nil || e.Ip == nil {
			t.Fatalf("a field of the agent is missing: %v", e)
		}
	}
	if failures := r.failures(); len(failures) > 0 {
		t.Errorf("the consumer says %v", failures)
	}
}

func TestDropsondeArrivesAtV2Readers(t *testing.T) {
	v1, v2 := runAllV1(t)
	s := v1.sender(t, 0, "shop")
	r := v2.read(t, v2.egress[0], everythingOf(""))
	eventually(t, 10*time.Second, "the V2 reader gets something", func() bool {
		must(t, s.logs.SendAppLog(appGuid, priming, "APP", "0"))
		return len(r.logs(appGuid)) > 0
	})
	emitEveryV1Type(t, s, appGuid)
	find := func(what string, keep func(*loggregator_v2.Envelope) bool) *loggregator_v2.Envelope {
		t.Helper()
		ours := func(e *loggregator_v2.Envelope) bool { return e.GetTags()["origin"] == "shop" && keep(e) }
		eventually(t, 10*time.Second, what+" arrives", func() bool { return len(r.where(ours)) > 0 })
		if found := r.where(ours); len(found) != 1 {
			t.Fatalf("%d of %s, want 1: %v", len(found), what, found)
		}
		return r.where(ours)[0]
	}
	expect := func(what, source, instance string, tags map[string]string, keep func(*loggregator_v2.Envelope) bool) *loggregator_v2.Envelope {
		t.Helper()
		e := find(what, keep)
		if e.GetSourceId() != source || e.GetInstanceId() != instance {
			t.Errorf("%s is of %q/%q, want %q/%q", what, e.GetSourceId(), e.GetInstanceId(), source, instance)
		}
		for name, value := range tags {
			if e.GetTags()[name] != value {
				t.Errorf("%s: tag %s is %q, want %q", what, name, e.GetTags()[name], value)
			}
		}
		return e
	}
	expect("the log", appGuid, "3", map[string]string{"source_type": "APP/PROC/WEB", "space_name": "prod", "__v1_type": "LogMessage"},
		func(e *loggregator_v2.Envelope) bool { return string(e.GetLog().GetPayload()) == "out" })
	value := expect("the value", "shop", "7", map[string]string{"__v1_type": "ValueMetric"},
		func(e *loggregator_v2.Envelope) bool { return e.GetGauge().GetMetrics()["queue"] != nil })
	if metric := value.GetGauge().GetMetrics()["queue"]; metric.GetValue() != 2.5 || metric.GetUnit() != "jobs" {
		t.Errorf("value: %v", value)
	}
	for delta, total := range map[uint64]uint64{3: 3, 4: 7} {
		counter := expect(fmt.Sprintf("the counter +%d", delta), "shop", "", map[string]string{"route": "/"},
			func(e *loggregator_v2.Envelope) bool { return e.GetCounter().GetDelta() == delta })
		if counter.GetCounter().GetTotal() != total {
			t.Errorf("counter: %v, want a total of %d", counter, total)
		}
	}
	container := expect("the container metric", appGuid, "2", nil,
		func(e *loggregator_v2.Envelope) bool { return e.GetGauge().GetMetrics()["cpu"] != nil })
	if metrics := container.GetGauge().GetMetrics(); len(metrics) != 5 || metrics["memory"].GetValue() != 1<<30 ||
		metrics["disk_quota"].GetUnit() != "bytes" {
		t.Errorf("container metric: %v", container)
	}
	timer := expect("the timer", appGuid, "5", map[string]string{
		"method": "PUT", "status_code": "418", "forwarded": "1.1.1.1\n2.2.2.2", "request_id": otherGuid,
		"peer_type": "Server", "routing_instance_id": "instance-five",
	}, func(e *loggregator_v2.Envelope) bool { return e.GetTimer() != nil })
	if timer.GetTimer().GetName() != "http" {
		t.Errorf("timer: %v", timer)
	}
	expect("the error", "shop", "", map[string]string{"source": "disk", "code": "28", "__v1_type": "Error"},
		func(e *loggregator_v2.Envelope) bool { return string(e.GetLog().GetPayload()) == "no space" })
}

func TestV2ArrivesAtTheFirehose(t *testing.T) {
	v1, v2 := runAllV1(t)
	client := v2.ingressClient(t, loggregator.WithTag("origin", "go"))
	r := v1.firehose(t, "archive")
	eventually(t, 20*time.Second, "the firehose gets something", func() bool {
		client.EmitLog(priming, loggregator.WithSourceInfo(appGuid, "APP", "0"))
		return len(r.where(isPrimingV1)) > 0
	})
	emitEveryType(t, client, appGuid)
	client.EmitGauge(loggregator.WithGaugeSourceInfo(appGuid, "2"), loggregator.WithGaugeAppInfo(appGuid, 2),
		loggregator.WithGaugeValue("cpu", 12.5, "percentage"), loggregator.WithGaugeValue("memory", 1, "bytes"),
		loggregator.WithGaugeValue("disk", 2, "bytes"), loggregator.WithGaugeValue("memory_quota", 3, "bytes"),
		loggregator.WithGaugeValue("disk_quota", 4, "bytes"), loggregator.WithGaugeValue("cpu_entitlement", 77, "percentage"))
	client.EmitTimer("http", time.Unix(1, 5), time.Unix(2, 6), loggregator.WithTimerSourceInfo(appGuid, "2"),
		loggregator.WithEnvelopeTag("request_id", otherGuid), loggregator.WithEnvelopeTag("method", "GET"))

	ours := func(e *events.Envelope) bool { return e.GetOrigin() == "go" }
	out := r.only(t, events.Envelope_LogMessage, func(e *events.Envelope) bool { return string(e.GetLogMessage().GetMessage()) == "out" })
	if m := out.GetLogMessage(); m.GetAppId() != appGuid || m.GetSourceType() != "APP/PROC/WEB" || m.GetSourceInstance() != "3" ||
		out.GetTags()["space_name"] != "prod" || out.GetTags()["source_id"] != appGuid {
		t.Errorf("log: %v", out)
	}
	counter := r.only(t, events.Envelope_CounterEvent, func(e *events.Envelope) bool { return e.GetCounterEvent().GetDelta() == 7 })
	if counter.GetCounterEvent().GetTotal() != 12 || counter.GetTags()["instance_id"] != "0" {
		t.Errorf("counter: %v", counter)
	}
	for name, value := range map[string]float64{"cpu": 0.25, "memory": 1e9, "cpu_entitlement": 77} {
		metric := r.only(t, events.Envelope_ValueMetric, func(e *events.Envelope) bool { return ours(e) && e.GetValueMetric().GetName() == name })
		if metric.GetValueMetric().GetValue() != value {
			t.Errorf("%s: %v", name, metric)
		}
	}
	container := r.only(t, events.Envelope_ContainerMetric, ours).GetContainerMetric()
	if container.GetInstanceIndex() != 2 || container.GetMemoryBytesQuota() != 3 || container.GetDiskBytesQuota() != 4 {
		t.Errorf("container metric: %v", container)
	}
	// The timer without a request's id has no V1 form; the other one has, with legal enums.
	timer := r.only(t, events.Envelope_HttpStartStop, ours).GetHttpStartStop()
	if timer.GetStartTimestamp() != 1_000_000_005 || timer.GetStopTimestamp() != 2_000_000_006 || timer.GetInstanceIndex() != 2 ||
		timer.GetMethod() != events.Method_GET || timer.GetPeerType() == 0 {
		t.Errorf("timer: %v", timer)
	}
}

func TestTheFirehoseIsFiltered(t *testing.T) {
	v1, _ := runAllV1(t)
	s := v1.sender(t, 0, "shop")
	all := v1.firehose(t, "filtered")
	logs := collectV1(v1.consumer(t).FilteredFirehose("filtered", v1.token, consumer.LogMessages))
	metrics := collectV1(v1.consumer(t).FilteredFirehose("filtered", v1.token, consumer.Metrics))
	s.prime(t, appGuid, all, logs)
	eventually(t, 10*time.Second, "the filter for metrics stands", func() bool {
		must(t, s.metrics.SendValue("primes", 1, "u"))
		return len(metrics.where(func(*events.Envelope) bool { return true })) > 0
	})
	emitEveryV1Type(t, s, appGuid)
	// One id with different filters is one group for each filter.
	for _, r := range []*v1Reader{all, metrics} {
		r.only(t, events.Envelope_Error, func(*events.Envelope) bool { return true })
		r.only(t, events.Envelope_HttpStartStop, func(*events.Envelope) bool { return true })
	}
	eventually(t, 10*time.Second, "the logs arrive", func() bool { return len(logs.logs(appGuid)) == 2 && len(all.logs(appGuid)) == 2 })
	isLog := func(e *events.Envelope) bool { return e.GetEventType() == events.Envelope_LogMessage }
	if found := logs.where(func(e *events.Envelope) bool { return !isLog(e) }); len(found) > 0 {
		t.Errorf("no logs: %v", found)
	}
	if found := metrics.where(isLog); len(found) > 0 {
		t.Errorf("no metrics: %v", found)
	}
}

func TestTheStreamOfAnAppHoldsWhatIsTheApps(t *testing.T) {
	v1, _ := runAllV1(t)
	s := v1.sender(t, 0, "shop")
	r := v1.stream(t, appGuid)
	logs := v1.consumer(t)
	messages, errors := logs.TailingLogs(appGuid, v1.token)
	go func() {
		for range errors {
		}
	}()
	s.prime(t, appGuid, r)
	must(t, s.logs.SendAppLog(otherGuid, "of another app", "APP", "0"))
	emitEveryV1Type(t, s, appGuid)
	r.only(t, events.Envelope_HttpStartStop, func(*events.Envelope) bool { return true })
	r.only(t, events.Envelope_ContainerMetric, func(*events.Envelope) bool { return true })
	eventually(t, 10*time.Second, "the logs arrive", func() bool { return len(r.logs(appGuid)) == 2 })
	kinds := []events.Envelope_EventType{events.Envelope_LogMessage, events.Envelope_ContainerMetric, events.Envelope_HttpStartStop}
	if found := r.where(func(e *events.Envelope) bool {
		return !slices.Contains(kinds, e.GetEventType()) || e.GetLogMessage() != nil && !isLogOf(e, appGuid)
	}); len(found) > 0 {
		t.Errorf("not of the app: %v", found)
	}
	deadline := time.After(patience(10 * time.Second))
	for {
		select {
		case m := <-messages:
			if strings.HasPrefix(string(m.GetMessage()), "err") {
				return
			}
		case <-deadline:
			t.Fatal("the tail of the logs does not get the last line")
		}
	}
}
