package logweir_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	logcache "code.cloudfoundry.org/go-log-cache/v3"
	"code.cloudfoundry.org/go-log-cache/v3/rpc/logcache_v1"
	"code.cloudfoundry.org/go-loggregator/v10"
	"code.cloudfoundry.org/go-loggregator/v10/rpc/loggregator_v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// cacheClients are the released client by both of its ways to one log cache.
func cacheClients(t *testing.T, s system) map[string]*logcache.Client {
	t.Helper()
	conf := s.egressTLS(t)
	conf.ServerName = "log-cache"
	return map[string]*logcache.Client{
		"http": logcache.NewClient(s.gateway),
		"grpc": logcache.NewClient(s.egress[0], logcache.WithViaGRPC(
			grpc.WithTransportCredentials(credentials.NewTLS(conf)))),
	}
}

// remembered waits until a log cache has so many envelopes of a source.
func remembered(t *testing.T, client *logcache.Client, source string, count int64) {
	t.Helper()
	eventually(t, 20*time.Second, fmt.Sprintf("%d envelopes of %s are remembered", count, source), func() bool {
		meta, err := client.Meta(context.Background())
		must(t, err)
		return meta[source].GetCount() == count
	})
}

func payloads(envelopes []*loggregator_v2.Envelope) []string {
	var lines []string
	for _, e := range envelopes {
		lines = append(lines, string(e.GetLog().GetPayload()))
	}
	return lines
}

func numbered(from, to int) []string {
	var lines []string
	for n := from; n < to; n++ {
		lines = append(lines, fmt.Sprintf("line %d", n))
	}
	return lines
}

func equal(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func TestLogCacheClientsReadWhatWasLogged(t *testing.T) {
	s := runAll(t)
	ingress := s.ingressClient(t)
	for _, line := range numbered(0, 250) {
		ingress.EmitLog(line, loggregator.WithAppInfo("app", "APP", "3"), loggregator.WithStdout())
	}
	ingress.EmitCounter("requests", loggregator.WithDelta(2), loggregator.WithCounterSourceInfo("app", "3"))
	ingress.EmitGauge(loggregator.WithGaugeValue("cpu", 0.5, "percentage"),
		loggregator.WithGaugeValue("memory", 7, "bytes"), loggregator.WithGaugeSourceInfo("app", "3"))
	ingress.EmitTimer("http", time.Unix(1, 0), time.Unix(2, 0), loggregator.WithTimerSourceInfo("app", "3"))
	must(t, ingress.EmitEvent(context.Background(), "title", "body", loggregator.WithEventSourceInfo("app", "3")))
	ctx := context.Background()
	// Timestamps of logs are unique here: the client stamps them one after another.
	for way, client := range cacheClients(t, s) {
		t.Run(way, func(t *testing.T) {
			remembered(t, client, "app", 254)
			read := func(opts ...logcache.ReadOption) []*loggregator_v2.Envelope {
				t.Helper()
				envelopes, err := client.Read(ctx, "app", time.Unix(0, 0), opts...)
				must(t, err)
				return envelopes
			}
			logs := logcache.WithEnvelopeTypes(logcache_v1.EnvelopeType_LOG)
			if got := payloads(read(logs)); !equal(got, numbered(0, 100)) {
				t.Fatalf("the first hundred are %q", got)
			}
			got := payloads(read(logs, logcache.WithDescending(), logcache.WithLimit(3)))
			if !equal(got, []string{"line 249", "line 248", "line 247"}) {
				t.Fatalf("the newest are %q", got)
			}
			log := read(logs, logcache.WithLimit(1))[0]
			if log.GetSourceId() != "app" || log.GetInstanceId() != "3" || log.GetTags()["source_type"] != "APP" {
				t.Fatalf("a log is %v", log)
			}
			for kind, check := range map[logcache_v1.EnvelopeType]func(*loggregator_v2.Envelope) bool{
				logcache_v1.EnvelopeType_COUNTER: func(e *loggregator_v2.Envelope) bool { return e.GetCounter().GetName() == "requests" },
				logcache_v1.EnvelopeType_GAUGE:   func(e *loggregator_v2.Envelope) bool { return len(e.GetGauge().GetMetrics()) == 2 },
				logcache_v1.EnvelopeType_TIMER:   func(e *loggregator_v2.Envelope) bool { return e.GetTimer().GetName() == "http" },
				logcache_v1.EnvelopeType_EVENT:   func(e *loggregator_v2.Envelope) bool { return e.GetEvent().GetTitle() == "title" },
			} {
				one := read(logcache.WithEnvelopeTypes(kind))
				if len(one) != 1 || !check(one[0]) {
					t.Fatalf("of type %v there are %v", kind, one)
				}
			}
			named := read(logcache.WithNameFilter("^(cpu|http)$"))
			if len(named) != 2 || len(named[0].GetGauge().GetMetrics()) != 1 {
				t.Fatalf("by name there are %v", named)
			}
			ended := payloads(read(logs, logcache.WithEndTime(time.Unix(0, log.GetTimestamp()+1))))
			if !equal(ended, numbered(0, 1)) {
				t.Fatalf("until its end there are %q", ended)
			}
			if none, err := client.Read(ctx, "nobody", time.Time{}); err != nil || len(none) != 0 {
				t.Fatalf("of nobody there are %v, %v", none, err)
			}
			// What cf asks: from a time that is none, for as much as there may be.
			all, err := client.Read(ctx, "app", time.Time{}, logs, logcache.WithLimit(1000), logcache.WithDescending())
			if must(t, err); len(all) != 250 {
				t.Fatalf("there are %d", len(all))
			}
			if _, err := client.Read(ctx, "app", time.Time{}, logcache.WithLimit(1001)); err == nil {
				t.Fatal("more than a thousand are given")
			}
			if _, err := client.Read(ctx, "app", time.Time{}, logcache.WithNameFilter("[")); err == nil {
				t.Fatal("a filter that is none is taken")
			}
		})
	}
	version, err := cacheClients(t, s)["http"].LogCacheVersion(ctx)
	if must(t, err); version.Major < 2 {
		t.Fatalf("the version is %v", version)
	}
}

func TestLogCacheClientsWalkWithoutGap(t *testing.T) {
	s := runAll(t)
	ingress := s.ingressClient(t)
	const lines = 1200
	go func() {
		for _, line := range numbered(0, lines) {
			ingress.EmitLog(line, loggregator.WithAppInfo("walked", "APP", "0"))
			time.Sleep(500 * time.Microsecond)
		}
	}()
	for way, client := range cacheClients(t, s) {
		t.Run(way, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience(30*time.Second))
			defer cancel()
			var got []string
			logcache.Walk(ctx, "walked", func(batch []*loggregator_v2.Envelope) bool {
				got = append(got, payloads(batch)...)
				return len(got) < lines
			}, client.Read, logcache.WithWalkBackoff(logcache.NewAlwaysRetryBackoff(10*time.Millisecond)),
				logcache.WithWalkDelay(500*time.Millisecond), logcache.WithWalkLimit(100))
			if !equal(got, numbered(0, lines)) {
				t.Fatalf("walked %d lines", len(got))
			}
		})
	}
}

// An OAuth2 server of one client gives a token that reads one app.
func TestLogCacheClientsBringTokens(t *testing.T) {
	const token = "a token of this installation"
	sum := sha256.Sum256([]byte(token))
	config := filepath.Join(t.TempDir(), "logweir.toml")
	must(t, os.WriteFile(config, []byte(fmt.Sprintf(
		"[[auth.tokens]]\nname = \"shop\"\nsha256 = %q\nread = [\"app\"]\n", hex.EncodeToString(sum[:]))), 0o600))
	s := runWith(t, "--config", config)
	ingress := s.ingressClient(t)
	for _, source := range []string{"app", "other"} {
		ingress.EmitLog("hello", loggregator.WithAppInfo(source, "APP", "0"))
	}
	issued := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if r.URL.Path != "/oauth/token" || id != "client" || secret != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		issued++
		answer(w, http.StatusOK, map[string]string{"token_type": "bearer", "access_token": token})
	}))
	defer server.Close()
	client := logcache.NewClient(s.gateway, logcache.WithHTTPClient(
		logcache.NewOauth2HTTPClient(server.URL, "client", "secret")))
	remembered(t, client, "app", 1)
	ctx := context.Background()
	if got, err := client.Read(ctx, "app", time.Time{}); err != nil || len(got) != 1 {
		t.Fatalf("of its own app it reads %v, %v", got, err)
	}
	if _, err := client.Read(ctx, "other", time.Time{}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Fatalf("of another app it reads: %v", err)
	}
	meta, err := client.Meta(ctx)
	if must(t, err); len(meta) != 1 {
		t.Fatalf("it sees the sources %v", meta)
	}
	if issued == 0 {
		t.Fatal("no token was asked for")
	}
	if _, err := logcache.NewClient(s.gateway).Read(ctx, "app", time.Time{}); err == nil {
		t.Fatal("nobody reads without a token")
	}
}

// A node and a gateway under their peers' names, as they are deployed.
func TestLogCacheUnderThePeersNames(t *testing.T) {
	ids := newIdentities(t)
	node := startAs(t, "log-cache", map[string]string{
		"ADDR": "127.0.0.1:0", "MEMORY_LIMIT_BYTES": "100000000", "METRICS_PORT": "0",
		"CA_PATH": ids.ca(), "CERT_PATH": ids.cert("log-cache"), "KEY_PATH": ids.key("log-cache"),
	})
	address := "127.0.0.1:" + node.Port(t, "grpc")
	gateway := startAs(t, "log-cache-gateway", map[string]string{
		"ADDR": "127.0.0.1:0", "LOG_CACHE_ADDR": address, "METRICS_PORT": "0",
		"CA_PATH": ids.ca(), "CERT_PATH": ids.cert("log-cache"), "KEY_PATH": ids.key("log-cache"),
		"PROXY_CERT_PATH": ids.cert("log-cache"), "PROXY_KEY_PATH": ids.key("log-cache"),
	})
	door := "127.0.0.1:" + gateway.Port(t, "http")
	pair, err := tls.LoadX509KeyPair(ids.cert("log-cache"), ids.key("log-cache"))
	must(t, err)
	conf := &tls.Config{RootCAs: ids.pool(t), ServerName: "log-cache", Certificates: []tls.Certificate{pair}}
	dialed := grpc.WithTransportCredentials(credentials.NewTLS(conf))
	conn, err := grpc.NewClient(address, dialed)
	must(t, err)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience(30*time.Second))
	defer cancel()
	ingress := logcache_v1.NewIngressClient(conn)
	// What kills the original.
	_, err = ingress.Send(ctx, &logcache_v1.SendRequest{})
	must(t, err)
	batch := &loggregator_v2.EnvelopeBatch{}
	for n, line := range numbered(0, 20) {
		e := aLog("sent")
		e.Timestamp, e.GetLog().Payload = int64(n+1), []byte(line)
		batch.Batch = append(batch.Batch, e)
	}
	_, err = ingress.Send(ctx, &logcache_v1.SendRequest{Envelopes: batch})
	must(t, err)
	egress := logcache_v1.NewEgressClient(conn)
	unknown, err := egress.Read(ctx, &logcache_v1.ReadRequest{
		SourceId: "sent", EnvelopeTypes: []logcache_v1.EnvelopeType{99},
	})
	if must(t, err); len(unknown.GetEnvelopes().GetBatch()) != 0 {
		t.Fatalf("of a type that nobody knows there are %v", unknown)
	}
	httpsClient := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: ids.pool(t), ServerName: "log-cache",
	}}}
	for way, client := range map[string]*logcache.Client{
		"grpc": logcache.NewClient(address, logcache.WithViaGRPC(dialed)),
		"http": logcache.NewClient("https://"+door, logcache.WithHTTPClient(httpsClient)),
	} {
		got, err := client.Read(ctx, "sent", time.Unix(0, 0))
		if must(t, err); !equal(payloads(got), numbered(0, 20)) {
			t.Fatalf("by %s they read %q", way, payloads(got))
		}
		meta, err := client.Meta(ctx)
		must(t, err)
		info := meta["sent"]
		if info.GetCount() != 20 || info.GetExpired() != 0 || info.GetOldestTimestamp() != 1 || info.GetNewestTimestamp() != 20 {
			t.Fatalf("by %s they know %v", way, info)
		}
	}
	if code := gateway.Terminate(t); code != 0 {
		t.Fatalf("the gateway ends with %d", code)
	}
	if code := node.Terminate(t); code != 0 {
		t.Fatalf("the node ends with %d", code)
	}
}
