package logweir_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	logcache "code.cloudfoundry.org/go-log-cache/v3"
	"code.cloudfoundry.org/go-log-cache/v3/rpc/logcache_v1"
	"code.cloudfoundry.org/go-loggregator/v10/rpc/loggregator_v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// cacheFleet is a log cache as it is deployed: node, gateway and auth proxy under their peers'
// names, and the platform that knows who sees what.
type cacheFleet struct {
	uaa     *uaa
	capi    *capi
	ingress logcache_v1.IngressClient
	// URL of the auth proxy.
	url string
	ids identities
}

func startCacheFleet(t *testing.T) *cacheFleet {
	t.Helper()
	ids := newIdentities(t)
	f := &cacheFleet{ids: ids, uaa: startUAA(t, ids)}
	f.capi = startCAPI(t, ids, f.uaa.signer, tls.NoClientCert)
	env := func(more map[string]string) map[string]string {
		more["ADDR"], more["METRICS_PORT"] = "127.0.0.1:0", "0"
		return more
	}
	peer := map[string]string{"MEMORY_LIMIT_BYTES": "100000000"}
	ids.variables(peer, "log-cache", "CERT_PATH", "KEY_PATH", "CA_PATH")
	node := startAs(t, "log-cache", env(peer))
	address := "127.0.0.1:" + node.Port(t, "grpc")
	peer = map[string]string{"LOG_CACHE_ADDR": address}
	ids.variables(peer, "log-cache", "CERT_PATH", "KEY_PATH", "CA_PATH")
	gateway := startAs(t, "log-cache-gateway", env(peer))
	proxy := startAs(t, "cf-auth-proxy", env(map[string]string{
		"LOG_CACHE_GATEWAY_ADDR": "http://127.0.0.1:" + gateway.Port(t, "http"),
		"EXTERNAL_CERT":          ids.cert("log-cache"), "EXTERNAL_KEY": ids.key("log-cache"),
		"UAA_ADDR": f.uaa.server.URL, "UAA_CA_PATH": ids.ca(),
		"UAA_CLIENT_ID": uaaClient, "UAA_CLIENT_SECRET": uaaSecret,
		"CAPI_ADDR": f.capi.server.URL, "CAPI_CA_PATH": ids.ca(), "CAPI_COMMON_NAME": "cloud-controller",
	}))
	f.url = "https://127.0.0.1:" + proxy.Port(t, "http")
	pair, err := tls.LoadX509KeyPair(ids.cert("log-cache"), ids.key("log-cache"))
	must(t, err)
	conf := &tls.Config{RootCAs: ids.pool(t), ServerName: "log-cache", Certificates: []tls.Certificate{pair}}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(conf)))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	f.ingress = logcache_v1.NewIngressClient(conn)
	return f
}

// send stores envelopes.
func (f *cacheFleet) send(t *testing.T, envelopes ...*loggregator_v2.Envelope) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience(20*time.Second))
	defer cancel()
	batch := &loggregator_v2.EnvelopeBatch{Batch: envelopes}
	_, err := f.ingress.Send(ctx, &logcache_v1.SendRequest{Envelopes: batch})
	must(t, err)
}

// plugin asks as the plugin of the cf CLI for log caches does. Its commands lie in internal
// packages, and it is in no module proxy: what it does is done here, by the client that it uses.
type plugin struct {
	client *logcache.Client
	token  string
	http   *http.Client
}

func (f *cacheFleet) plugin(t *testing.T, token string) *plugin {
	t.Helper()
	p := &plugin{token: token, http: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: f.ids.pool(t)},
	}}}
	p.client = logcache.NewClient(f.url, logcache.WithHTTPClient(p))
	return p
}

// Do brings the token along, which the plugin asks cf for each time.
func (p *plugin) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", p.token)
	return p.http.Do(r)
}

// tailed is what `cf tail -n LINES` reads, the oldest first.
func (p *plugin) tailed(t *testing.T, source string, lines int, kind logcache_v1.EnvelopeType, filter string) []*loggregator_v2.Envelope {
	t.Helper()
	ctx := context.Background()
	// It asks whether filters are known, whatever the answer.
	version, err := p.client.LogCacheVersion(ctx)
	if must(t, err); version.Major < 2 || version.Major == 2 && version.Minor < 1 {
		t.Fatalf("filters by name are not known to %v", version)
	}
	envelopes, err := p.client.Read(ctx, source, time.Unix(0, 0),
		logcache.WithEndTime(time.Now()), logcache.WithEnvelopeTypes(kind), logcache.WithLimit(lines),
		logcache.WithDescending(), logcache.WithNameFilter(filter))
	must(t, err)
	slices.Reverse(envelopes)
	return envelopes
}

// followed is what `cf tail -f` prints of a source until there are so many lines.
func (p *plugin) followed(t *testing.T, source string, from int64, lines int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience(20*time.Second))
	defer cancel()
	var got []string
	logcache.Walk(ctx, source, func(batch []*loggregator_v2.Envelope) bool {
		got = append(got, payloads(batch)...)
		return len(got) < lines
	}, p.client.Read, logcache.WithWalkStartTime(time.Unix(0, from)),
		logcache.WithWalkEnvelopeTypes(logcache_v1.EnvelopeType_ANY),
		logcache.WithWalkBackoff(logcache.NewAlwaysRetryBackoff(250*time.Millisecond)),
		logcache.WithWalkNameFilter(""))
	return got
}

// queried is what `cf query` prints: an answer's JSON, or what is wrong.
func (p *plugin) queried(expression string, opts ...logcache.PromQLOption) string {
	ask := p.client.PromQLRaw
	if len(opts) > 1 {
		ask = p.client.PromQLRangeRaw
	}
	result, err := ask(context.Background(), expression, opts...)
	if err != nil {
		return fmt.Sprintf("Could not process query: %s", err)
	}
	if result.Status == "error" {
		return fmt.Sprintf("The PromQL API returned an error (%s): %s", result.ErrorType, result.Error)
	}
	text, err := json.Marshal(result)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

const shopApp, tillApp, othersApp = "b3015d69-09cd-476d-aace-ad2d824d5ab7",
	"73467cc3-261a-472e-80e8-d6eadfd30d98", "c3015d69-09cd-476d-aace-ad2d824d5ab7"

func gauge(source string, at int64, name string, value float64) *loggregator_v2.Envelope {
	return &loggregator_v2.Envelope{
		Timestamp: at, SourceId: source, InstanceId: "0", Tags: map[string]string{"az": "z1"},
		Message: &loggregator_v2.Envelope_Gauge{Gauge: &loggregator_v2.Gauge{
			Metrics: map[string]*loggregator_v2.GaugeValue{name: {Unit: "percentage", Value: value}},
		}},
	}
}

func TestThePluginOfTheCLIReadsThroughTheAuthProxy(t *testing.T) {
	f := startCacheFleet(t)
	for app, name := range map[string]string{shopApp: "shop", tillApp: "till", othersApp: "others"} {
		f.capi.call(app, name)
	}
	f.capi.allow("user", shopApp)
	f.capi.allow("user", tillApp)
	now := time.Now().UnixNano()
	for n, line := range numbered(0, 20) {
		e := aLog(shopApp)
		e.Timestamp, e.GetLog().Payload = now-int64(60-n)*int64(time.Second), []byte(line)
		f.send(t, e)
	}
	f.send(t, gauge(shopApp, now-int64(90*time.Second), "cpu", 0.5), gauge(othersApp, now, "cpu", 7), aLog("gorouter"))
	user := f.plugin(t, f.uaa.token("user", time.Hour, "openid"))

	t.Run("tail", func(t *testing.T) {
		logs := user.tailed(t, shopApp, 10, logcache_v1.EnvelopeType_LOG, "")
		if got := payloads(logs); !equal(got, numbered(10, 20)) {
			t.Fatalf("the last ten are %q", got)
		}
		all := user.tailed(t, shopApp, 1000, logcache_v1.EnvelopeType_ANY, "")
		if len(all) != 21 {
			t.Fatalf("of any type there are %d", len(all))
		}
		named := user.tailed(t, shopApp, 10, logcache_v1.EnvelopeType_ANY, "^cpu$")
		if len(named) != 1 || named[0].GetGauge().GetMetrics()["cpu"].GetValue() != 0.5 {
			t.Fatalf("by name there are %v", named)
		}
		last := logs[len(logs)-1].GetTimestamp()
		if got := user.followed(t, shopApp, last-int64(4500*time.Millisecond), 5); !equal(got, numbered(15, 20)) {
			t.Fatalf("it follows with %q", got)
		}
		_, err := user.client.Read(context.Background(), othersApp, time.Unix(0, 0))
		if err == nil || !strings.Contains(err.Error(), "404") {
			t.Fatalf("of others' apps it reads: %v", err)
		}
	})
	t.Run("query", func(t *testing.T) {
		at := logcache.WithPromQLTime(time.Unix(0, now))
		// Apps may be called by their names.
		for _, source := range []string{shopApp, "shop"} {
			got := user.queried(fmt.Sprintf("max(cpu{source_id=%q})", source), at)
			expected := fmt.Sprintf(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%.3f,"0.5"]}]}}`, float64(now)/1e9)
			if got != expected {
				t.Fatalf("it prints %s, expected %s", got, expected)
			}
		}
		ranged := user.queried(`cpu{source_id="shop"}`, logcache.WithPromQLStart(time.Unix(0, now).Add(-time.Minute)),
			logcache.WithPromQLEnd(time.Unix(0, now)), logcache.WithPromQLStep("30s"))
		if !strings.Contains(ranged, `"resultType":"matrix"`) || strings.Count(ranged, `"0.5"`) != 3 {
			t.Fatalf("of a range it prints %s", ranged)
		}
		for expression, told := range map[string]string{
			`cpu{source_id="others"}`: "Could not process query: unexpected status code 404 (check authorization?)",
			`cpu`:                     "The PromQL API returned an error (bad_data): query does not request any source_ids",
		} {
			if got := user.queried(expression, at); got != told {
				t.Fatalf("of %s it prints %s", expression, got)
			}
		}
	})
	t.Run("log-meta", func(t *testing.T) {
		meta, err := user.client.Meta(context.Background())
		must(t, err)
		// Till is the user's, but nothing is remembered of it.
		if info := meta[shopApp]; len(meta) != 1 || info.GetCount() != 21 || info.GetNewestTimestamp() <= info.GetOldestTimestamp() {
			t.Fatalf("it sees %v", meta)
		}
		admin := f.plugin(t, f.uaa.token("admin", time.Hour, "logs.admin"))
		meta, err = admin.client.Meta(context.Background())
		if must(t, err); len(meta) != 3 {
			t.Fatalf("an administrator sees %v", meta)
		}
	})
}
