package otel_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// envelope is one of the gateway's, in its JSON.
type envelope struct {
	Timestamp  string            `json:"timestamp"`
	SourceID   string            `json:"source_id"`
	InstanceID string            `json:"instance_id"`
	Tags       map[string]string `json:"tags"`
	Log        *struct {
		Payload []byte `json:"payload"`
		Type    string `json:"type"`
	} `json:"log"`
	Counter *struct {
		Name  string `json:"name"`
		Delta string `json:"delta"`
		Total string `json:"total"`
	} `json:"counter"`
	Gauge *struct {
		Metrics map[string]struct {
			Unit  string  `json:"unit"`
			Value float64 `json:"value"`
		} `json:"metrics"`
	} `json:"gauge"`
	Timer *struct {
		Name  string `json:"name"`
		Start string `json:"start"`
		Stop  string `json:"stop"`
	} `json:"timer"`
}

// reader collects what an event stream of the gateway brings.
type reader struct {
	mu  sync.Mutex
	all []envelope
}

func read(t *testing.T, door string) *reader {
	t.Helper()
	response, err := http.Get("http://" + door + "/v2/read?log&counter&gauge&timer&event")
	must(t, err)
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	r := &reader{}
	go func() {
		scanner := bufio.NewScanner(response.Body)
		scanner.Buffer(nil, 16<<20)
		for scanner.Scan() {
			data, found := strings.CutPrefix(scanner.Text(), "data: ")
			var batch struct{ Batch []envelope }
			if found && json.Unmarshal([]byte(data), &batch) == nil {
				r.mu.Lock()
				r.all = append(r.all, batch.Batch...)
				r.mu.Unlock()
			}
		}
	}()
	return r
}

// where returns what has come so far and satisfies the condition.
func (r *reader) where(keep func(*envelope) bool) []envelope {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kept []envelope
	for i := range r.all {
		if keep(&r.all[i]) {
			kept = append(kept, r.all[i])
		}
	}
	return kept
}

// logs are those with this payload.
func (r *reader) logs(payload string) []envelope {
	return r.where(func(e *envelope) bool { return e.Log != nil && string(e.Log.Payload) == payload })
}
