package logweir_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"code.cloudfoundry.org/go-loggregator/v10"
	"code.cloudfoundry.org/go-loggregator/v10/rpc/loggregator_v2"
)

// emitEveryType sends one of each kind through every call that the reference client
// has, and says how many envelopes that makes.
func emitEveryType(t *testing.T, client *loggregator.IngressClient, source string) int {
	t.Helper()
	client.EmitLog("out", loggregator.WithSourceInfo(source, "APP/PROC/WEB", "3"), loggregator.WithStdout(),
		loggregator.WithEnvelopeTag("space_name", "prod"))
	client.EmitLog("err", loggregator.WithAppInfo(source, "RTR", "4"))
	client.EmitCounter("requests", loggregator.WithDelta(5), loggregator.WithCounterSourceInfo(source, "0"))
	client.EmitCounter("requests", loggregator.WithDelta(7), loggregator.WithCounterSourceInfo(source, "0"))
	client.EmitCounter("absolute", loggregator.WithTotal(1<<40), loggregator.WithCounterSourceInfo(source, "0"))
	client.EmitGauge(loggregator.WithGaugeSourceInfo(source, "1"),
		loggregator.WithGaugeValue("cpu", 0.25, "percentage"),
		loggregator.WithGaugeValue("memory", 1e9, "bytes"))
	client.EmitTimer("http", time.Unix(1, 5), time.Unix(2, 6), loggregator.WithTimerSourceInfo(source, "2"))
	ctx, cancel := context.WithTimeout(context.Background(), patience(5*time.Second))
	defer cancel()
	must(t, client.EmitEvent(ctx, "deployed", "version 7", loggregator.WithEventSourceInfo(source, "5")))
	return 8
}

// checkEveryType compares what was read with what emitEveryType sent.
func checkEveryType(t *testing.T, r *reader, source string) {
	t.Helper()
	ours := func(e *loggregator_v2.Envelope) bool { return e.GetSourceId() == source && !isPriming(e) }
	eventually(t, 10*time.Second, "all eight envelopes arrive", func() bool { return len(r.where(ours)) >= 8 })
	find := func(what string, match func(*loggregator_v2.Envelope) bool) *loggregator_v2.Envelope {
		t.Helper()
		found := r.where(func(e *loggregator_v2.Envelope) bool { return ours(e) && match(e) })
		if len(found) != 1 {
			t.Fatalf("%d envelopes are %s, want 1; all: %v", len(found), what, r.where(ours))
		}
		if age := time.Since(time.Unix(0, found[0].GetTimestamp())); age < 0 || age > time.Hour {
			t.Errorf("%s has a timestamp %s ago", what, age)
		}
		return found[0]
	}
	log := func(text string) *loggregator_v2.Envelope {
		return find("log "+text, func(e *loggregator_v2.Envelope) bool {
			return string(e.GetLog().GetPayload()) == text
		})
	}
	out, err := log("out"), log("err")
	if out.GetLog().GetType() != loggregator_v2.Log_OUT || err.GetLog().GetType() != loggregator_v2.Log_ERR {
		t.Errorf("types of the logs: %v, %v", out, err)
	}
	if out.GetInstanceId() != "3" || out.GetTags()["space_name"] != "prod" || out.GetTags()["source_type"] != "APP/PROC/WEB" {
		t.Errorf("instance and tags of the log: %v", out)
	}
	counter := func(name string, delta, total uint64) {
		find(fmt.Sprintf("counter %s +%d", name, delta), func(e *loggregator_v2.Envelope) bool {
			c := e.GetCounter()
			return c != nil && c.GetName() == name && c.GetDelta() == delta && c.GetTotal() == total
		})
	}
	counter("requests", 5, 5)
	counter("requests", 7, 12)
	counter("absolute", 0, 1<<40)
	gauge := find("gauge", func(e *loggregator_v2.Envelope) bool { return e.GetGauge() != nil }).GetGauge()
	if cpu := gauge.GetMetrics()["cpu"]; cpu.GetValue() != 0.25 || cpu.GetUnit() != "percentage" || len(gauge.GetMetrics()) != 2 {
		t.Errorf("gauge: %v", gauge)
	}
	timer := find("timer", func(e *loggregator_v2.Envelope) bool { return e.GetTimer() != nil }).GetTimer()
	if timer.GetName() != "http" || timer.GetStart() != 1_000_000_005 || timer.GetStop() != 2_000_000_006 {
		t.Errorf("timer: %v", timer)
	}
	event := find("event", func(e *loggregator_v2.Envelope) bool { return e.GetEvent() != nil })
	if event.GetEvent().GetTitle() != "deployed" || event.GetEvent().GetBody() != "version 7" || event.GetInstanceId() != "5" {
		t.Errorf("event: %v", event)
	}
}

func TestEveryTypeArrivesOverGrpc(t *testing.T) {
	s := runAll(t)
	client := s.ingressClient(t)
	r := s.read(t, s.egress[0], everythingOf("app-types"))
	prime(t, client, aLog("app-types"), r)
	emitEveryType(t, client, "app-types")
	checkEveryType(t, r, "app-types")
}

func TestEveryTypeArrivesOverTheGateway(t *testing.T) {
	s := runAll(t)
	client := s.ingressClient(t)
	r := s.readGateway(t, everythingOf("app-gateway"))
	prime(t, client, aLog("app-gateway"), r)
	emitEveryType(t, client, "app-gateway")
	checkEveryType(t, r, "app-gateway")
}

func TestBatchesArriveOnceAndInOrder(t *testing.T) {
	s := runAll(t)
	client := s.ingressClient(t, loggregator.WithBatchMaxSize(37))
	r := s.read(t, s.egress[0], everythingOf("app-batches"))
	prime(t, client, aLog("app-batches"), r)
	var sent []string
	for i := range 2500 {
		line := fmt.Sprintf("line %d", i)
		sent = append(sent, line)
		client.EmitLog(line, loggregator.WithSourceInfo("app-batches", "", ""))
	}
	// Closing flushes the last, partial batch and waits for the server's answer.
	must(t, client.CloseSend())
	eventually(t, 10*time.Second, "all lines arrive", func() bool { return len(r.logs("app-batches")) >= len(sent) })
	if got := r.logs("app-batches"); !slices.Equal(got, sent) {
		t.Fatalf("%d lines arrived, not those sent in their order", len(got))
	}
}

func TestTagsOfTheClientAndOfTheEnvelope(t *testing.T) {
	s := runAll(t)
	client := s.ingressClient(t, loggregator.WithTag("origin", "checkout"))
	preferred := s.read(t, s.egress[0], &loggregator_v2.EgressBatchRequest{
		UsePreferredTags: true, Selectors: []*loggregator_v2.Selector{logsOf("app-tags")},
	})
	deprecated := s.read(t, s.egress[0], &loggregator_v2.EgressBatchRequest{
		Selectors: []*loggregator_v2.Selector{logsOf("app-tags")},
	})
	prime(t, client, aLog("app-tags"), preferred, deprecated)
	client.Emit(&loggregator_v2.Envelope{
		SourceId: "app-tags",
		Tags:     map[string]string{"both": "new", "only": "tags"},
		DeprecatedTags: map[string]*loggregator_v2.Value{
			"both":    {Data: &loggregator_v2.Value_Text{Text: "old"}},
			"integer": {Data: &loggregator_v2.Value_Integer{Integer: -42}},
			"decimal": {Data: &loggregator_v2.Value_Decimal{Decimal: 0.23}},
		},
		Message: &loggregator_v2.Envelope_Log{Log: &loggregator_v2.Log{Payload: []byte("tagged")}},
	})
	tagged := func(r *reader) *loggregator_v2.Envelope {
		found := func(e *loggregator_v2.Envelope) bool { return string(e.GetLog().GetPayload()) == "tagged" }
		eventually(t, 10*time.Second, "the tagged log arrives", func() bool { return len(r.where(found)) == 1 })
		return r.where(found)[0]
	}
	want := map[string]string{"both": "old", "only": "tags", "integer": "-42", "decimal": "0.23"}
	got := tagged(preferred)
	for name, value := range want {
		if got.GetTags()[name] != value {
			t.Errorf("tag %s is %q, want %q", name, got.GetTags()[name], value)
		}
	}
	if len(got.GetDeprecatedTags()) != 0 {
		t.Errorf("deprecated tags for a reader that prefers tags: %v", got.GetDeprecatedTags())
	}
	got = tagged(deprecated)
	for name, value := range want {
		if text := got.GetDeprecatedTags()[name].GetText(); text != value {
			t.Errorf("deprecated tag %s is %q, want %q", name, text, value)
		}
	}
	if len(got.GetTags()) != 0 {
		t.Errorf("tags for a reader that does not prefer them: %v", got.GetTags())
	}
}

func TestSourceIdComesFromTheOriginTag(t *testing.T) {
	s := runAll(t)
	client := s.ingressClient(t, loggregator.WithTag("origin", "checkout"))
	r := s.read(t, s.egress[0], everythingOf("checkout"))
	prime(t, client, aLog("checkout"), r)
	client.EmitLog("whose line is this")
	eventually(t, 10*time.Second, "the line is found under its origin", func() bool {
		return slices.Contains(r.logs("checkout"), "whose line is this")
	})
}
