package logweir_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// fleet is every role as a process of its own, started through the peers' contract.
type fleet struct {
	ids     identities
	routers [2]*process
	ports   [2]string
	agents  [2]*process
	rlps    [2]*process
	gateway *process
}

// freePort is a port that nobody has at the moment: a router that is restarted must
// come back where its agents look for it.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	must(t, err)
	return port
}

// startFleet starts two routers, two agents that each prefer another router, two
// reverse log proxies that read from both, and a gateway.
func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{ids: newIdentities(t)}
	for i := range f.routers {
		f.ports[i] = freePort(t)
		f.startRouter(t, i)
	}
	for i := range f.agents {
		f.agents[i] = f.startAgent(t, f.ports[i], f.ports[1-i])
	}
	for i := range f.rlps {
		f.rlps[i] = f.startRLP(t)
	}
	f.gateway = f.startGateway(t, f.rlps[0].Port(t, "grpc"))
	return f
}

func (f *fleet) startRouter(t *testing.T, i int) {
	t.Helper()
	env := map[string]string{
		"ROUTER_PORT":                               f.ports[i],
		"ROUTER_CIPHER_SUITES":                      "",
		"INGRESS_BUFFER_SIZE":                       "10000",
		"EGRESS_BUFFER_SIZE":                        "1000",
		"ROUTER_PPROF_PORT":                         "0",
		"USE_RFC339":                                "true",
		"AGENT_GRPC_ADDRESS":                        "127.0.0.1:0",
		"ROUTER_METRIC_SOURCE_ID":                   "",
		"ROUTER_METRIC_BATCH_INTERVAL_MILLISECONDS": "0",
	}
	f.ids.variables(env, "doppler", "ROUTER_CERT_FILE", "ROUTER_KEY_FILE", "ROUTER_CA_FILE")
	f.routers[i] = startAs(t, "doppler", env)
	if port := f.routers[i].Port(t, "grpc"); port != f.ports[i] {
		t.Fatalf("the router listens on %s, not on %s", port, f.ports[i])
	}
	f.routers[i].Port(t, "pprof")
}

func (f *fleet) startAgent(t *testing.T, near, far string) *process {
	t.Helper()
	env := map[string]string{
		"AGENT_PORT":              "0",
		"AGENT_TAGS":              "deployment:cf,index:" + near,
		"AGENT_DEPLOYMENT":        "cf",
		"AGENT_JOB":               "cell",
		"AGENT_INDEX":             near,
		"AGENT_IP":                "127.0.0.1",
		"AGENT_DISABLE_UDP":       "false",
		"AGENT_INCOMING_UDP_PORT": "0",
		"METRICS_PORT":            "0",
		"PPROF_PORT":              "0",
		"ROUTER_ADDR":             "127.0.0.1:" + far,
		"ROUTER_ADDR_WITH_AZ":     "127.0.0.1:" + near,
		"LOGS_DISABLED":           "false",
		"AGENT_METRIC_SOURCE_ID":  "",
		"AGENT_METRIC_BATCH_INTERVAL_MILLISECONDS": "0",
	}
	f.ids.variables(env, "metron", "AGENT_CERT_FILE", "AGENT_KEY_FILE", "AGENT_CA_FILE")
	f.ids.variables(env, "metron", "METRICS_CERT_FILE_PATH", "METRICS_KEY_FILE_PATH", "METRICS_CA_FILE_PATH")
	agent := startAs(t, "loggregator-agent", env)
	agent.Port(t, "metrics")
	agent.Port(t, "grpc")
	agent.Port(t, "udp")
	return agent
}

func (f *fleet) startRLP(t *testing.T) *process {
	t.Helper()
	env := map[string]string{
		"RLP_PORT":                    "0",
		"RLP_CIPHER_SUITES":           "",
		"ROUTER_ADDRS":                fmt.Sprintf("127.0.0.1:%s,127.0.0.1:%s", f.ports[0], f.ports[1]),
		"MAX_EGRESS_STREAMS":          "100",
		"AGENT_ADDR":                  "127.0.0.1:0",
		"RLP_METRIC_EMITTER_INTERVAL": "0s",
		"RLP_METRIC_SOURCE_ID":        "",
		"RLP_PPROF_PORT":              "0",
		"USE_RFC339":                  "true",
	}
	f.ids.variables(env, "reverselogproxy", "RLP_CERT_FILE", "RLP_KEY_FILE", "RLP_CA_FILE")
	rlp := startAs(t, "rlp", env)
	rlp.Port(t, "grpc")
	return rlp
}

// startGateway starts a gateway and a token server for it that knows one token, of
// somebody who may read everything.
func (f *fleet) startGateway(t *testing.T, rlpPort string) *process {
	t.Helper()
	uaa := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if r.URL.Path != "/check_token" || id != "gateway" || secret != "secret" || r.FormValue("token") != adminToken {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{}`)
			return
		}
		fmt.Fprint(w, `{"scope":["logs.admin"],"exp":4102444800}`)
	}))
	t.Cleanup(uaa.Close)
	env := map[string]string{
		"LOGS_PROVIDER_ADDR":        "127.0.0.1:" + rlpPort,
		"LOGS_PROVIDER_COMMON_NAME": "reverselogproxy",
		"SKIP_CERT_VERIFY":          "true",
		"PPROF_PORT":                "0",
		"LOG_ACCESS_ADDR":           "https://127.0.0.1:1",
		"LOG_ACCESS_ADDR_EXTERNAL":  "http://127.0.0.1:1",
		"LOG_ACCESS_COMMON_NAME":    "capi",
		"LOG_ADMIN_ADDR":            uaa.URL,
		"LOG_ADMIN_CLIENT_ID":       "gateway",
		"LOG_ADMIN_CLIENT_SECRET":   "secret",
		"LOG_ADMIN_CA_PATH":         f.ids.ca(),
		"STREAM_TIMEOUT":            "14m",
		"GATEWAY_ADDR":              "127.0.0.1:0",
		"METRICS_PORT":              "0",
		"USE_RFC339":                "true",
	}
	f.ids.variables(env, "client", "LOGS_PROVIDER_CLIENT_CERT_PATH", "LOGS_PROVIDER_CLIENT_KEY_PATH", "LOGS_PROVIDER_CA_PATH")
	f.ids.variables(env, "client", "LOG_ACCESS_CERT_PATH", "LOG_ACCESS_KEY_PATH", "LOG_ACCESS_CA_PATH")
	f.ids.variables(env, "gateway", "METRICS_CERT_FILE_PATH", "METRICS_KEY_FILE_PATH", "METRICS_CA_FILE_PATH")
	env["HTTP_CERT_PATH"], env["HTTP_KEY_PATH"] = f.ids.cert("gateway"), f.ids.key("gateway")
	gateway := startAs(t, "rlp-gateway", env)
	gateway.Port(t, "http")
	return gateway
}

const adminToken = "a-token-of-an-operator"

// authorized adds a token to every request.
type authorized struct {
	client *http.Client
}

func (a authorized) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "bearer "+adminToken)
	return a.client.Do(r)
}

// system is the fleet seen from one agent.
func (f *fleet) system(t *testing.T, agent int) system {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.ids.pool(t)}}
	s := system{
		ingress: "127.0.0.1:" + f.agents[agent].Port(t, "grpc"),
		gateway: "https://127.0.0.1:" + f.gateway.Port(t, "http"),
		doer:    authorized{&http.Client{Transport: transport}},
		ca:      f.ids.ca(),
		cert:    f.ids.cert("client"),
		key:     f.ids.key("client"),
	}
	for _, rlp := range f.rlps {
		s.egress = append(s.egress, "127.0.0.1:"+rlp.Port(t, "grpc"))
	}
	return s
}

func TestEveryTypePassesTheSeparateProcesses(t *testing.T) {
	f := startFleet(t)
	for agent := range f.agents {
		source := fmt.Sprintf("app-fleet-%d", agent)
		s := f.system(t, agent)
		client := s.ingressClient(t)
		readers := []*reader{
			s.read(t, s.egress[0], everythingOf(source)),
			s.read(t, s.egress[1], everythingOf(source)),
			s.readGateway(t, everythingOf(source)),
		}
		prime(t, client, aLog(source), readers...)
		emitEveryType(t, client, source)
		for _, r := range readers {
			checkEveryType(t, r, source)
			log := r.where(isPriming)[0]
			if log.GetTags()["deployment"] != "cf" || log.GetTags()["index"] != f.ports[agent] {
				t.Errorf("agent %d's own tags are missing: %v", agent, log.GetTags())
			}
		}
	}
}

func TestTheGatewayRefusesReadersWithoutAToken(t *testing.T) {
	f := startFleet(t)
	s := f.system(t, 0)
	client := s.doer.(authorized).client
	response, err := client.Get(s.gateway + "/v2/read?log&source_id=app")
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	want := "{\"message\":\"resource not found\",\"error\":\"not_found\"}\n\n"
	if response.StatusCode != http.StatusNotFound || string(body) != want {
		t.Fatalf("%d %q, want 404 %q", response.StatusCode, body, want)
	}
}
