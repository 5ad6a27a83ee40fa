package logweir_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"code.cloudfoundry.org/go-loggregator/v10"
	"code.cloudfoundry.org/go-loggregator/v10/rpc/loggregator_v2"
)

// summary names an envelope for comparison.
func summary(e *loggregator_v2.Envelope) string {
	switch m := e.GetMessage().(type) {
	case *loggregator_v2.Envelope_Log:
		return "log " + string(m.Log.GetPayload())
	case *loggregator_v2.Envelope_Counter:
		return "counter " + m.Counter.GetName()
	case *loggregator_v2.Envelope_Gauge:
		var names []string
		for name := range m.Gauge.GetMetrics() {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Sprint("gauge ", names)
	case *loggregator_v2.Envelope_Timer:
		return "timer " + m.Timer.GetName()
	case *loggregator_v2.Envelope_Event:
		return "event " + m.Event.GetTitle()
	}
	return "nothing"
}

func TestSelectorsGiveWhatTheyNameAndNothingElse(t *testing.T) {
	s := runAll(t)
	client := s.ingressClient(t)
	cases := []struct {
		name     string
		selector []*loggregator_v2.Selector
		prime    *loggregator_v2.Envelope
		want     []string
	}{
		{"logs of one source", []*loggregator_v2.Selector{logsOf("sel-a")}, aLog("sel-a"), []string{"log a"}},
		{"two sources", []*loggregator_v2.Selector{logsOf("sel-a"), timersOf("sel-b")}, aLog("sel-a"), []string{"log a", "timer b"}},
		{"counters by name", []*loggregator_v2.Selector{countersOf("sel-a", "wanted")}, aCounter("sel-a", "wanted"), []string{"counter wanted"}},
		{"all counters", []*loggregator_v2.Selector{countersOf("sel-a", "")}, aCounter("sel-a", "other"), []string{"counter other", "counter wanted"}},
		{"gauges by exact set", []*loggregator_v2.Selector{gaugesOf("sel-a", "x", "y")}, aGauge("sel-a", "x", "y"), []string{"gauge [x y]"}},
		{"all gauges", []*loggregator_v2.Selector{gaugesOf("sel-a")}, aGauge("sel-a", "z"), []string{"gauge [x y z]", "gauge [x y]", "gauge [x]"}},
		{"events", []*loggregator_v2.Selector{eventsOf("sel-a")}, &loggregator_v2.Envelope{SourceId: "sel-a", Message: &loggregator_v2.Envelope_Event{Event: &loggregator_v2.Event{}}}, []string{"event a"}},
		{"overlapping selectors give one copy", []*loggregator_v2.Selector{logsOf("sel-a"), logsOf("sel-a"), logsOf("")}, aLog("sel-a"), []string{"log a", "log b"}},
	}
	var readers []*reader
	for _, c := range cases {
		req := &loggregator_v2.EgressBatchRequest{Selectors: c.selector, UsePreferredTags: true}
		r := s.read(t, s.egress[0], req)
		readers = append(readers, r)
		prime(t, client, c.prime, r)
	}
	send := func(e *loggregator_v2.Envelope) {
		e.Timestamp = time.Now().UnixNano()
		client.Emit(e)
	}
	for _, source := range []string{"a", "b"} {
		id := "sel-" + source
		client.EmitLog(source, loggregator.WithSourceInfo(id, "", ""))
		client.EmitTimer(source, time.Now(), time.Now(), loggregator.WithTimerSourceInfo(id, ""))
		client.Emit(&loggregator_v2.Envelope{SourceId: id, Message: &loggregator_v2.Envelope_Event{
			Event: &loggregator_v2.Event{Title: source},
		}})
		if source == "a" {
			send(aCounter(id, "wanted"))
			send(aCounter(id, "other"))
			send(aGauge(id, "x"))
			send(aGauge(id, "x", "y"))
			send(aGauge(id, "x", "y", "z"))
		}
	}
	for i, c := range cases {
		ours := func(e *loggregator_v2.Envelope) bool {
			return !isPriming(e) && (e.GetSourceId() == "sel-a" || e.GetSourceId() == "sel-b")
		}
		eventually(t, 10*time.Second, c.name+": everything wanted arrives", func() bool {
			return len(readers[i].where(ours)) >= len(c.want)
		})
	}
	// One more envelope for everyone is the sign that nothing before it is still on
	// its way.
	isEnd := func(e *loggregator_v2.Envelope) bool { return e.GetTags()[primingTag] == "end" }
	for i, c := range cases {
		client.Emit(&loggregator_v2.Envelope{
			SourceId: c.prime.GetSourceId(), Tags: map[string]string{primingTag: "end"}, Message: c.prime.GetMessage(),
		})
		eventually(t, 10*time.Second, c.name+": the end arrives", func() bool {
			return len(readers[i].where(isEnd)) > 0
		})
		var got []string
		for _, e := range readers[i].where(func(e *loggregator_v2.Envelope) bool {
			return !isPriming(e) && (e.GetSourceId() == "sel-a" || e.GetSourceId() == "sel-b")
		}) {
			got = append(got, summary(e))
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestReadersOfOneShardShareAndOthersDoNot(t *testing.T) {
	s := runAll(t)
	client := s.ingressClient(t)
	shard := func(id string) *reader {
		return s.read(t, s.egress[0], &loggregator_v2.EgressBatchRequest{
			ShardId: id, UsePreferredTags: true, Selectors: []*loggregator_v2.Selector{logsOf("app-shard")},
		})
	}
	one, two, alone, whole := shard("nozzle"), shard("nozzle"), shard("other"), shard("")
	prime(t, client, aLog("app-shard"), one, two, alone, whole)
	const count = 400
	var sent []string
	for i := range count {
		line := fmt.Sprintf("%04d", i)
		sent = append(sent, line)
		client.EmitLog(line, loggregator.WithSourceInfo("app-shard", "", ""))
	}
	shared := func() []string { return append(one.logs("app-shard"), two.logs("app-shard")...) }
	eventually(t, 10*time.Second, "everything arrives at every shard", func() bool {
		return len(shared()) >= count && len(alone.logs("app-shard")) >= count && len(whole.logs("app-shard")) >= count
	})
	for name, got := range map[string][]string{
		"the shared shard": shared(), "the other shard": alone.logs("app-shard"), "no shard": whole.logs("app-shard"),
	} {
		slices.Sort(got)
		if !slices.Equal(got, sent) {
			t.Errorf("%s: %d lines, want each of %d once", name, len(got), count)
		}
	}
	if a, b := len(one.logs("app-shard")), len(two.logs("app-shard")); math.Abs(float64(a-b)) > 0.3*count {
		t.Errorf("the two readers of a shard got %d and %d", a, b)
	}
}

func TestDeterministicNamesKeepAMetricWithOneReader(t *testing.T) {
	s := runAll(t)
	client := s.ingressClient(t)
	member := func(name string) *reader {
		return s.read(t, s.egress[0], &loggregator_v2.EgressBatchRequest{
			ShardId: "cache", DeterministicName: name, UsePreferredTags: true,
			Selectors: []*loggregator_v2.Selector{countersOf("app-names", ""), gaugesOf("app-names")},
		})
	}
	// Names order the members; the checksum of the metric's name picks one of them.
	second, first := member("black"), member("aqua")
	prime(t, client, aCounter("app-names", "hash"), first)
	prime(t, client, aCounter("app-names", "other-hash"), second)
	for range 50 {
		client.EmitCounter("hash", loggregator.WithCounterSourceInfo("app-names", ""))
		client.EmitCounter("other-hash", loggregator.WithCounterSourceInfo("app-names", ""))
		client.Emit(aGauge("app-names", "a", "b"))
		client.Emit(aGauge("app-names", "a"))
	}
	ours := func(e *loggregator_v2.Envelope) bool { return !isPriming(e) }
	eventually(t, 10*time.Second, "everything arrives", func() bool {
		return len(first.where(ours)) >= 100 && len(second.where(ours)) >= 100
	})
	for want, r := range map[string]*reader{"counter hash, gauge [a b]": first, "counter other-hash, gauge [a]": second} {
		seen := map[string]bool{}
		for _, e := range r.where(ours) {
			seen[summary(e)] = true
		}
		var names []string
		for name := range seen {
			names = append(names, name)
		}
		slices.Sort(names)
		if got := fmt.Sprintf("%s, %s", names[0], names[len(names)-1]); len(names) != 2 || got != want {
			t.Errorf("one member got %q, want %q", names, want)
		}
	}
}
