package logweir_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// datagrams sends numbered logs of one app at a steady pace and remembers when.
type datagrams struct {
	app  string
	mu   sync.Mutex
	sent []time.Time
	stop atomic.Bool
	done chan struct{}
}

func emitSteadily(s sender, app string, every time.Duration) *datagrams {
	d := &datagrams{app: app, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for number := 0; !d.stop.Load(); number++ {
			d.mu.Lock()
			d.sent = append(d.sent, time.Now())
			d.mu.Unlock()
			// A datagram is sent or lost; there is nobody to tell.
			_ = s.logs.SendAppLog(app, strconv.Itoa(number), "APP", "0")
			<-tick.C
		}
	}()
	return d
}

func (d *datagrams) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sent)
}

func (d *datagrams) finish() {
	d.stop.Store(true)
	<-d.done
}

// arrivals counts how often each number of an app has been read.
func (r *v1Reader) arrivals(app string) map[int]int {
	seen := map[int]int{}
	for _, line := range r.logs(app) {
		if number, err := strconv.Atoi(line); err == nil {
			seen[number]++
		}
	}
	return seen
}

// heard says whether some number from here on has arrived.
func (r *v1Reader) heard(app string, from int) bool {
	for number := range r.arrivals(app) {
		if number >= from {
			return true
		}
	}
	return false
}

func TestARouterIsKilledAndRestartedUnderV1Load(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	apps := [2]string{appGuid, otherGuid}
	f.capi.allow("operator", apps[0])
	f.capi.allow("operator", apps[1])
	firehose := v1.firehose(t, "archive")
	streams := [2]*v1Reader{v1.stream(t, apps[0]), v1.stream(t, apps[1])}
	var load [2]*datagrams
	for i, app := range apps {
		s := v1.sender(t, i, "shop")
		s.prime(t, app, firehose, streams[i])
		load[i] = emitSteadily(s, app, 2*time.Millisecond)
	}
	resumed := func(app, number int) bool {
		return firehose.heard(apps[app], number) && streams[app].heard(apps[app], number)
	}
	eventually(t, 20*time.Second, "both apps are heard", func() bool { return resumed(0, 100) && resumed(1, 100) })

	killed := time.Now()
	f.routers[0].Kill()
	after := load[0].count()
	eventually(t, 20*time.Second, "the agent of the killed router goes to the other one", func() bool { return resumed(0, after+100) })
	resumedAt := time.Now()
	t.Logf("delivery resumed %s after the kill", resumedAt.Sub(killed))

	f.startRouter(t, 0)
	for i := range load {
		mark := load[i].count()
		eventually(t, 20*time.Second, "both are heard while the router comes back", func() bool { return resumed(i, mark+1000) })
		load[i].finish()
		last := load[i].count() - 1
		eventually(t, 20*time.Second, "the last line arrives", func() bool { return resumed(i, last) })
	}
	for i, app := range apps {
		for name, r := range map[string]*v1Reader{"firehose": firehose, "stream": streams[i]} {
			seen, lost := r.arrivals(app), 0
			for number, at := range load[i].sent {
				if seen[number] > 1 {
					t.Errorf("%s: number %d of app %d came %d times", name, number, i, seen[number])
				}
				if seen[number] > 0 {
					continue
				}
				lost++
				if i == 1 {
					t.Errorf("%s lost number %d of app 1, whose router was never touched", name, number)
				} else if at.Before(killed.Add(-time.Second)) || at.After(resumedAt) {
					t.Errorf("%s lost number %d of app 0, sent %s after the kill", name, number, at.Sub(killed))
				}
			}
			t.Logf("%s: app %d: %d of %d lost", name, i, lost, len(load[i].sent))
		}
	}
	// The sessions lived through it: a reader of a traffic controller never sees a router.
	for _, r := range append(streams[:], firehose) {
		if failures := r.failures(); len(failures) > 0 {
			t.Errorf("a consumer says %v", failures)
		}
	}
}
