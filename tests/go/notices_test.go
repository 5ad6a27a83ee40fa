package logweir_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"code.cloudfoundry.org/go-loggregator/v10/rpc/loggregator_v2"
)

// A reader that is too slow for its stream is told in that stream how much it lost:
// what it got and what it was told add up to what was sent.
func TestASlowReaderIsToldWhatItLost(t *testing.T) {
	s := runAll(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience(time.Minute))
	defer cancel()
	egress := loggregator_v2.NewEgressClient(s.dial(t, s.egress[0], "reverselogproxy"))
	slow, err := egress.BatchedReceiver(ctx, &loggregator_v2.EgressBatchRequest{
		UsePreferredTags: true, Selectors: []*loggregator_v2.Selector{logsOf("app-flood"), logsOf("app-primes")},
	})
	must(t, err)
	client := s.ingressClient(t)
	fast := s.read(t, s.egress[0], &loggregator_v2.EgressBatchRequest{
		UsePreferredTags: true, Selectors: []*loggregator_v2.Selector{logsOf("app-flood"), logsOf("app-primes")},
	})
	// Under an id of its own: priming lines may be lost too, and are not of the sum.
	prime(t, client, aLog("app-primes"), fast)
	_, err = slow.Recv()
	must(t, err)

	// Far more than any queue holds. The other reader keeps up meanwhile.
	const batches, size = 600, 500
	ingress := loggregator_v2.NewIngressClient(s.dial(t, s.ingress, "metron"))
	sender, err := ingress.BatchSender(ctx)
	must(t, err)
	padding := strings.Repeat("x", 200)
	for b := range batches {
		batch := &loggregator_v2.EnvelopeBatch{}
		for i := range size {
			batch.Batch = append(batch.Batch, &loggregator_v2.Envelope{
				SourceId: "app-flood",
				Message: &loggregator_v2.Envelope_Log{Log: &loggregator_v2.Log{
					Payload: fmt.Appendf(nil, "%d %s", b*size+i, padding),
				}},
			})
		}
		must(t, sender.Send(batch))
		eventually(t, 20*time.Second, "the other reader keeps up", func() bool {
			return fast.count() >= (b-20)*size
		})
	}
	if _, err := sender.CloseAndRecv(); err != nil {
		t.Errorf("half-closing a stream is answered with %v, want OK", err)
	}
	eventually(t, 20*time.Second, "the other reader has everything", func() bool {
		return fast.count() >= batches*size && len(fast.logs("app-flood")) >= batches*size
	})

	seen := map[int]bool{}
	var got, told, duplicates int
	for got+told < batches*size {
		batch, err := slow.Recv()
		if err != nil {
			t.Fatalf("after %d envelopes and notices of %d, of %d sent: %v", got, told, batches*size, err)
		}
		for _, e := range batch.GetBatch() {
			if e.GetSourceId() != "app-flood" {
				continue
			}
			text := string(e.GetLog().GetPayload())
			if e.GetTags()["source_type"] == "LGR" {
				lost, err := strconv.Atoi(e.GetTags()["dropped"])
				must(t, err)
				told += lost
				if !strings.HasPrefix(text, e.GetTags()["dropped"]+" envelopes lost at the ") || e.GetLog().GetType() != loggregator_v2.Log_ERR {
					t.Errorf("a notice says %q", text)
				}
				continue
			}
			number, err := strconv.Atoi(text[:strings.IndexByte(text, ' ')])
			must(t, err)
			if seen[number] {
				duplicates++
			}
			seen[number] = true
			got++
		}
	}
	t.Logf("got %d, told of %d lost", got, told)
	if got+told != batches*size || duplicates != 0 || told == 0 {
		t.Fatalf("got %d (%d of them twice), told of %d, sent %d", got, duplicates, told, batches*size)
	}
}
