package logweir_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudfoundry/dropsonde/emitter"
	"github.com/cloudfoundry/dropsonde/log_sender"
	"github.com/cloudfoundry/dropsonde/metric_sender"
	"github.com/cloudfoundry/noaa/v2/consumer"
	"github.com/cloudfoundry/sonde-go/events"
)

// v1System takes dropsonde datagrams at one end and gives envelopes to WebSockets at
// the other.
type v1System struct {
	// host:port of each UDP door.
	dropsonde []string
	// Base URL of the WebSockets: ws:// or wss://, and what verifies it.
	url string
	tls *tls.Config
	// Sent by every client, unless a test gives another.
	token string
}

// runAllV1 is the same process seen from its V1 doors.
func runAllV1(t *testing.T) (v1System, system) {
	t.Helper()
	s := runAll(t)
	return v1System{dropsonde: []string{s.dropsonde}, url: strings.Replace(s.gateway, "http:", "ws:", 1)}, s
}

// sender is the reference client for dropsonde producers.
type sender struct {
	*emitter.EventEmitter
	logs    *log_sender.LogSender
	metrics *metric_sender.MetricSender
}

// sender sends to the UDP door of that number under an origin.
func (s v1System) sender(t *testing.T, door int, origin string) sender {
	t.Helper()
	udp, err := emitter.NewUdpEmitter(s.dropsonde[door])
	must(t, err)
	events := emitter.NewEventEmitter(udp, origin)
	t.Cleanup(events.Close)
	return sender{events, log_sender.NewLogSender(events), metric_sender.NewMetricSender(events)}
}

// consumer is the reference client for readers. It gives up waiting soon, so that a
// reconnect takes no longer than it must.
func (s v1System) consumer(t *testing.T) *consumer.Consumer {
	t.Helper()
	c := consumer.New(s.url, s.tls, nil)
	c.SetMinRetryDelay(50 * time.Millisecond)
	c.SetMaxRetryDelay(500 * time.Millisecond)
	// An error only says that it was closed before.
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// http is a client for the same door without WebSockets, and the URL to give it.
func (s v1System) http() (*http.Client, string) {
	client := &http.Client{Timeout: patience(30 * time.Second), Transport: &http.Transport{TLSClientConfig: s.tls}}
	return client, strings.Replace(s.url, "ws", "http", 1)
}

// v1Reader collects what a WebSocket gives.
type v1Reader struct {
	mu        sync.Mutex
	envelopes []*events.Envelope
	errors    []error
	ended     bool
}

// collectV1 drains both channels of a consumer, as it demands.
func collectV1(envelopes <-chan *events.Envelope, errors <-chan error) *v1Reader {
	r := &v1Reader{}
	go func() {
		for e := range envelopes {
			r.mu.Lock()
			r.envelopes = append(r.envelopes, e)
			r.mu.Unlock()
		}
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
	}()
	go func() {
		for err := range errors {
			r.mu.Lock()
			r.errors = append(r.errors, err)
			r.mu.Unlock()
		}
	}()
	return r
}

func (s v1System) firehose(t *testing.T, id string) *v1Reader {
	t.Helper()
	return collectV1(s.consumer(t).Firehose(id, s.token))
}

func (s v1System) stream(t *testing.T, app string) *v1Reader {
	t.Helper()
	return collectV1(s.consumer(t).Stream(app, s.token))
}

func (r *v1Reader) where(keep func(*events.Envelope) bool) []*events.Envelope {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kept []*events.Envelope
	for _, e := range r.envelopes {
		if keep(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

// failures is what the consumer complained of.
func (r *v1Reader) failures() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.errors...)
}

// only waits for the one envelope of a kind that satisfies the condition.
func (r *v1Reader) only(t *testing.T, kind events.Envelope_EventType, keep func(*events.Envelope) bool) *events.Envelope {
	t.Helper()
	chosen := func(e *events.Envelope) bool { return e.GetEventType() == kind && keep(e) }
	eventually(t, 10*time.Second, fmt.Sprintf("a %s arrives", kind), func() bool { return len(r.where(chosen)) > 0 })
	found := r.where(chosen)
	if len(found) != 1 {
		t.Fatalf("%d envelopes of kind %s, want 1: %v", len(found), kind, found)
	}
	return found[0]
}

// logs is the text of an app's logs, priming lines left out.
func (r *v1Reader) logs(app string) []string {
	var lines []string
	for _, e := range r.where(func(e *events.Envelope) bool { return isLogOf(e, app) && !isPrimingV1(e) }) {
		lines = append(lines, string(e.GetLogMessage().GetMessage()))
	}
	return lines
}

func isLogOf(e *events.Envelope, app string) bool {
	return e.GetLogMessage() != nil && e.GetLogMessage().GetAppId() == app
}

func isPrimingV1(e *events.Envelope) bool {
	return string(e.GetLogMessage().GetMessage()) == priming
}

const priming = "priming"

// prime sends lines of an app until each reader has one.
func (s sender) prime(t *testing.T, app string, readers ...*v1Reader) {
	t.Helper()
	// What another sender primed says nothing of the way that this one's envelopes take.
	own := func(e *events.Envelope) bool { return isPrimingV1(e) && e.GetOrigin() == s.Origin() }
	eventually(t, 20*time.Second, "every reader gets something", func() bool {
		must(t, s.logs.SendAppLog(app, priming, "APP", "0"))
		for _, r := range readers {
			if len(r.where(own)) == 0 {
				return false
			}
		}
		return true
	})
}
