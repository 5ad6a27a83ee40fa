package logweir_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"code.cloudfoundry.org/go-loggregator/v10"
	"code.cloudfoundry.org/go-loggregator/v10/rpc/loggregator_v2"
)

// producer sends numbered logs of one source at a steady pace and remembers when it
// sent which.
type producer struct {
	source string
	mu     sync.Mutex
	sent   []time.Time
	stop   atomic.Bool
	done   chan struct{}
}

func produce(client *loggregator.IngressClient, source string, every time.Duration) *producer {
	p := &producer{source: source, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for number := 0; !p.stop.Load(); number++ {
			p.mu.Lock()
			p.sent = append(p.sent, time.Now())
			p.mu.Unlock()
			client.EmitLog(strconv.Itoa(number), loggregator.WithSourceInfo(source, "", ""))
			<-tick.C
		}
	}()
	return p
}

// count is how many it has sent.
func (p *producer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent)
}

// finish stops it.
func (p *producer) finish() {
	p.stop.Store(true)
	<-p.done
}

// arrivals counts how often each number of a source has been read.
func (r *reader) arrivals(source string) map[int]int {
	seen := map[int]int{}
	for _, line := range r.logs(source) {
		if number, err := strconv.Atoi(line); err == nil {
			seen[number]++
		}
	}
	return seen
}

func TestARouterIsKilledAndRestartedUnderLoad(t *testing.T) {
	f := startFleet(t)
	sources := [2]string{"app-kill-0", "app-kill-1"}
	selectors := []*loggregator_v2.Selector{logsOf(sources[0]), logsOf(sources[1])}
	req := &loggregator_v2.EgressBatchRequest{UsePreferredTags: true, Selectors: selectors}
	var systems [2]system
	var clients [2]*loggregator.IngressClient
	for i := range systems {
		systems[i] = f.system(t, i)
		clients[i] = systems[i].ingressClient(t)
	}
	readers := []*reader{
		systems[0].read(t, systems[0].egress[0], req),
		systems[0].read(t, systems[0].egress[1], req),
		systems[0].readGateway(t, req),
	}
	for i := range clients {
		prime(t, clients[i], aLog(sources[i]), readers...)
	}
	var producers [2]*producer
	for i := range producers {
		producers[i] = produce(clients[i], sources[i], time.Millisecond)
	}
	// From number on, this source is heard again by everybody.
	resumed := func(source int, number int) bool {
		for _, r := range readers {
			heard := false
			for n := range r.arrivals(sources[source]) {
				heard = heard || n >= number
			}
			if !heard {
				return false
			}
		}
		return true
	}
	eventually(t, 20*time.Second, "both sources are heard", func() bool { return resumed(0, 200) && resumed(1, 200) })

	killed := time.Now()
	f.routers[0].Kill()
	after := producers[0].count()
	eventually(t, 20*time.Second, "the agent of the killed router goes to the other one", func() bool {
		return resumed(0, after+200)
	})
	resumedAt := time.Now()

	f.startRouter(t, 0)
	// Read from the restarted router itself: does it carry traffic again?
	router := systems[0].dialRouter(t, f.ports[0], req)
	eventually(t, 60*time.Second, "the restarted router carries traffic", func() bool { return router.count() > 200 })
	other := systems[0].dialRouter(t, f.ports[1], req)
	eventually(t, 20*time.Second, "so does the other", func() bool { return other.count() > 200 })
	marks := [2]int{producers[0].count(), producers[1].count()}
	for i := range producers {
		eventually(t, 20*time.Second, "everybody hears both again", func() bool { return resumed(i, marks[i]+200) })
		producers[i].finish()
	}
	returnedBy := time.Now()
	for i := range producers {
		last := producers[i].count() - 1
		eventually(t, 20*time.Second, "the last line arrives", func() bool { return resumed(i, last) })
	}
	for n, r := range readers {
		for i, p := range producers {
			seen := r.arrivals(sources[i])
			lost := 0
			for number, at := range p.sent {
				if seen[number] > 1 {
					t.Errorf("reader %d got number %d of %s %d times", n, number, p.source, seen[number])
				}
				if seen[number] > 0 {
					continue
				}
				lost++
				if i == 1 {
					t.Errorf("reader %d lost number %d of %s, whose router was never touched", n, number, p.source)
				} else if at.Before(killed.Add(-time.Second)) || at.After(resumedAt) && at.Before(returnedBy) {
					t.Errorf("reader %d lost number %d of %s, sent %s after the kill", n, number, p.source, at.Sub(killed))
				}
			}
			t.Logf("reader %d: %s: %d of %d lost", n, p.source, lost, len(p.sent))
			// What a router holds at any moment, with the streams of the agent towards it.
			if lost > 1000 {
				t.Errorf("%d lost: more than can have been in flight", lost)
			}
		}
	}
	t.Logf("delivery resumed %s after the kill", resumedAt.Sub(killed))
}

// dialRouter reads from a router directly, as a reverse log proxy would.
func (s system) dialRouter(t *testing.T, port string, req *loggregator_v2.EgressBatchRequest) *reader {
	t.Helper()
	conf := s.egressTLS(t)
	conf.ServerName = "doppler"
	connector := loggregator.NewEnvelopeStreamConnector("127.0.0.1:"+port, conf)
	return collect(t, func(ctx context.Context) loggregator.EnvelopeStream {
		return connector.Stream(ctx, req)
	})
}
