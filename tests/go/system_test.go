package logweir_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"code.cloudfoundry.org/go-loggregator/v10"
	"code.cloudfoundry.org/go-loggregator/v10/rpc/loggregator_v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"logweir.test/program"
)

// system is something that takes envelopes at one end and gives them at the other.
type system struct {
	// host:port of local ingress, and of each place to read from over gRPC.
	ingress string
	egress  []string
	// host:port of the UDP door for dropsonde.
	dropsonde string
	// URL of the gateway, and the client and token that it wants.
	gateway string
	doer    loggregator.Doer
	// PEM files of a client.
	ca, cert, key string
}

// runAll starts every role in one process.
func runAll(t *testing.T) system {
	t.Helper()
	return runWith(t)
}

// runWith does the same with these arguments more.
func runWith(t *testing.T, args ...string) system {
	t.Helper()
	data, doors := program.RunAll(t, args...)
	certs := filepath.Join(data, "certs")
	return system{
		ingress:   doors["ingress"],
		egress:    []string{doors["grpc"]},
		dropsonde: doors["dropsonde"],
		gateway:   "http://" + doors["http"],
		doer:      http.DefaultClient,
		ca:        filepath.Join(certs, "ca.crt"),
		cert:      filepath.Join(certs, "client.crt"),
		key:       filepath.Join(certs, "client.key"),
	}
}

// ingressClient is the reference client for producers. It is closed with the test.
func (s system) ingressClient(t *testing.T, opts ...loggregator.IngressOption) *loggregator.IngressClient {
	t.Helper()
	conf, err := loggregator.NewIngressTLSConfig(s.ca, s.cert, s.key)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	opts = append([]loggregator.IngressOption{
		loggregator.WithAddr(s.ingress),
		loggregator.WithContext(ctx),
		loggregator.WithBatchFlushInterval(10 * time.Millisecond),
	}, opts...)
	client, err := loggregator.NewIngressClient(conf, opts...)
	must(t, err)
	return client
}

func (s system) egressTLS(t *testing.T) *tls.Config {
	t.Helper()
	conf, err := loggregator.NewEgressTLSConfig(s.ca, s.cert, s.key)
	must(t, err)
	return conf
}

// dial opens a plain gRPC connection to a place that shows the given name.
func (s system) dial(t *testing.T, addr, name string) *grpc.ClientConn {
	t.Helper()
	conf := s.egressTLS(t)
	conf.ServerName = name
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(conf)))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// reader collects what a stream gives.
type reader struct {
	mu        sync.Mutex
	envelopes []*loggregator_v2.Envelope
	cancel    context.CancelFunc
}

func collect(t *testing.T, open func(context.Context) loggregator.EnvelopeStream) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{cancel: cancel}
	stream := open(ctx)
	go func() {
		for ctx.Err() == nil {
			batch := stream()
			r.mu.Lock()
			r.envelopes = append(r.envelopes, batch...)
			r.mu.Unlock()
		}
	}()
	t.Cleanup(cancel)
	return r
}

// read opens a stream with the reference client for readers.
func (s system) read(t *testing.T, addr string, req *loggregator_v2.EgressBatchRequest) *reader {
	t.Helper()
	connector := loggregator.NewEnvelopeStreamConnector(addr, s.egressTLS(t))
	return collect(t, func(ctx context.Context) loggregator.EnvelopeStream {
		return connector.Stream(ctx, req)
	})
}

// readGateway opens a stream with the reference client of the gateway.
func (s system) readGateway(t *testing.T, req *loggregator_v2.EgressBatchRequest) *reader {
	t.Helper()
	client := loggregator.NewRLPGatewayClient(s.gateway,
		loggregator.WithRLPGatewayHTTPClient(s.doer),
		loggregator.WithRLPGatewayErrChan(make(chan error, 1)))
	return collect(t, func(ctx context.Context) loggregator.EnvelopeStream {
		return client.Stream(ctx, req)
	})
}

// where returns what has been read so far and satisfies the condition.
func (r *reader) where(keep func(*loggregator_v2.Envelope) bool) []*loggregator_v2.Envelope {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kept []*loggregator_v2.Envelope
	for _, e := range r.envelopes {
		if keep(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

// count is how many envelopes have been read, of any kind.
func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.envelopes)
}

// logs returns the payloads of one source's logs, priming lines left out.
func (r *reader) logs(source string) []string {
	var lines []string
	for _, e := range r.where(func(e *loggregator_v2.Envelope) bool {
		return e.GetLog() != nil && e.GetSourceId() == source && !isPriming(e)
	}) {
		lines = append(lines, string(e.GetLog().GetPayload()))
	}
	return lines
}

const primingTag = "priming"

func isPriming(e *loggregator_v2.Envelope) bool {
	return e.GetTags()[primingTag] != "" || e.GetDeprecatedTags()[primingTag] != nil
}

// prime sends envelopes that every one of the readers wants until each has one: from
// then on nothing that is sent can be missed for want of a subscription.
func prime(t *testing.T, client *loggregator.IngressClient, like *loggregator_v2.Envelope, readers ...*reader) {
	t.Helper()
	eventually(t, 20*time.Second, "every reader gets something", func() bool {
		client.Emit(&loggregator_v2.Envelope{
			Timestamp: time.Now().UnixNano(),
			SourceId:  like.GetSourceId(),
			Tags:      map[string]string{primingTag: "1"},
			Message:   like.GetMessage(),
		})
		for _, r := range readers {
			if len(r.where(isPriming)) == 0 {
				return false
			}
		}
		return true
	})
}

// aLog, aCounter … are envelopes to prime with.
func aLog(source string) *loggregator_v2.Envelope {
	return &loggregator_v2.Envelope{SourceId: source, Message: &loggregator_v2.Envelope_Log{
		Log: &loggregator_v2.Log{Payload: []byte("priming")},
	}}
}

func aCounter(source, name string) *loggregator_v2.Envelope {
	return &loggregator_v2.Envelope{SourceId: source, Message: &loggregator_v2.Envelope_Counter{
		Counter: &loggregator_v2.Counter{Name: name, Delta: 1},
	}}
}

func aGauge(source string, names ...string) *loggregator_v2.Envelope {
	metrics := map[string]*loggregator_v2.GaugeValue{}
	for _, name := range names {
		metrics[name] = &loggregator_v2.GaugeValue{Unit: "u", Value: 1}
	}
	return &loggregator_v2.Envelope{SourceId: source, Message: &loggregator_v2.Envelope_Gauge{
		Gauge: &loggregator_v2.Gauge{Metrics: metrics},
	}}
}

// Selectors.
func logsOf(source string) *loggregator_v2.Selector {
	return &loggregator_v2.Selector{SourceId: source, Message: &loggregator_v2.Selector_Log{Log: &loggregator_v2.LogSelector{}}}
}

func countersOf(source, name string) *loggregator_v2.Selector {
	return &loggregator_v2.Selector{SourceId: source, Message: &loggregator_v2.Selector_Counter{
		Counter: &loggregator_v2.CounterSelector{Name: name},
	}}
}

func gaugesOf(source string, names ...string) *loggregator_v2.Selector {
	return &loggregator_v2.Selector{SourceId: source, Message: &loggregator_v2.Selector_Gauge{
		Gauge: &loggregator_v2.GaugeSelector{Names: names},
	}}
}

func timersOf(source string) *loggregator_v2.Selector {
	return &loggregator_v2.Selector{SourceId: source, Message: &loggregator_v2.Selector_Timer{Timer: &loggregator_v2.TimerSelector{}}}
}

func eventsOf(source string) *loggregator_v2.Selector {
	return &loggregator_v2.Selector{SourceId: source, Message: &loggregator_v2.Selector_Event{Event: &loggregator_v2.EventSelector{}}}
}

// everythingOf asks for every type of one source, with preferred tags.
func everythingOf(source string) *loggregator_v2.EgressBatchRequest {
	return &loggregator_v2.EgressBatchRequest{
		UsePreferredTags: true,
		Selectors: []*loggregator_v2.Selector{
			logsOf(source), countersOf(source, ""), gaugesOf(source), timersOf(source), eventsOf(source),
		},
	}
}
