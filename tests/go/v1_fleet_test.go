package logweir_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"
)

// v1Fleet is the V1 way as separate processes, started through the peers' contract:
// two agents with UDP doors, two routers, a traffic controller, and a platform that
// says who may read.
type v1Fleet struct {
	fleet
	uaa        *uaa
	capi       *capi
	controller *process
	port       string
}

// startV1Fleet starts it all. The traffic controller comes back where it was.
func startV1Fleet(t *testing.T) *v1Fleet {
	t.Helper()
	f := &v1Fleet{fleet: fleet{ids: newIdentities(t)}, port: freePort(t)}
	f.uaa = startUAA(t, f.ids)
	f.capi = startCAPI(t, f.ids, f.uaa.signer, tls.RequireAndVerifyClientCert)
	for i := range f.routers {
		f.ports[i] = freePort(t)
		f.startRouter(t, i)
	}
	for i := range f.agents {
		f.agents[i] = f.startAgent(t, f.ports[i], f.ports[1-i])
	}
	f.startController(t)
	return f
}

func (f *v1Fleet) startController(t *testing.T) {
	t.Helper()
	env := map[string]string{
		"USE_RFC339":                                 "true",
		"TRAFFIC_CONTROLLER_IP":                      "127.0.0.1",
		"TRAFFIC_CONTROLLER_API_HOST":                f.capi.server.URL,
		"TRAFFIC_CONTROLLER_OUTGOING_DROPSONDE_PORT": f.port,
		"TRAFFIC_CONTROLLER_OUTGOING_CERT_FILE":      f.ids.cert("trafficcontroller"),
		"TRAFFIC_CONTROLLER_OUTGOING_KEY_FILE":       f.ids.key("trafficcontroller"),
		"TRAFFIC_CONTROLLER_SYSTEM_DOMAIN":           "sys.example",
		"TRAFFIC_CONTROLLER_SKIP_CERT_VERIFY":        "false",
		"TRAFFIC_CONTROLLER_UAA_HOST":                f.uaa.server.URL,
		"TRAFFIC_CONTROLLER_UAA_CLIENT":              uaaClient,
		"TRAFFIC_CONTROLLER_UAA_CLIENT_SECRET":       uaaSecret,
		"TRAFFIC_CONTROLLER_UAA_CA_CERT":             f.ids.ca(),
		"TRAFFIC_CONTROLLER_SECURITY_EVENT_LOG":      "",
		"TRAFFIC_CONTROLLER_PPROF_PORT":              "0",
		"TRAFFIC_CONTROLLER_METRIC_EMITTER_INTERVAL": "1m",
		"TRAFFIC_CONTROLLER_DISABLE_ACCESS_CONTROL":  "false",
		"ROUTER_ADDRS":                               fmt.Sprintf("127.0.0.1:%s,127.0.0.1:%s", f.ports[0], f.ports[1]),
		"AGENT_GRPC_ADDRESS":                         "127.0.0.1:0",
		"CC_SERVER_NAME":                             "cloud-controller",
	}
	f.ids.variables(env, "trafficcontroller", "ROUTER_CERT_FILE", "ROUTER_KEY_FILE", "ROUTER_CA_FILE")
	f.ids.variables(env, "trafficcontroller", "CC_CERT_FILE", "CC_KEY_FILE", "CC_CA_FILE")
	f.controller = startAs(t, "trafficcontroller", env)
	if port := f.controller.Port(t, "ws"); port != f.port {
		t.Fatalf("the traffic controller listens on %s, not on %s", port, f.port)
	}
	f.controller.Port(t, "pprof")
}

// v1 is the fleet seen from outside, with the token of somebody who reads everything.
func (f *v1Fleet) v1(t *testing.T) v1System {
	t.Helper()
	s := v1System{
		url:   "wss://127.0.0.1:" + f.port,
		tls:   &tls.Config{RootCAs: f.ids.pool(t)},
		token: f.uaa.token("operator", time.Hour, "doppler.firehose"),
	}
	for _, agent := range f.agents {
		s.dropsonde = append(s.dropsonde, "127.0.0.1:"+agent.Port(t, "udp"))
	}
	return s
}

func TestEveryV1TypePassesTheSeparateProcesses(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	r := v1.firehose(t, "archive")
	for i := range f.agents {
		s := v1.sender(t, i, fmt.Sprintf("shop-%d", i))
		s.prime(t, appGuid, r)
		emitEveryV1Type(t, s, appGuid)
		checkEveryV1Type(t, r, s, appGuid)
		for _, e := range r.where(isPrimingV1) {
			if e.GetOrigin() == s.Origin() && (e.GetDeployment() != "cf" || e.GetIndex() != f.ports[i] || e.GetJob() != "cell") {
				t.Fatalf("the fields of agent %d are missing: %v", i, e)
			}
		}
	}
	if failures := r.failures(); len(failures) > 0 {
		t.Errorf("the consumer says %v", failures)
	}
}

// A pool of readers shares a firehose, whichever router an envelope passed.
func TestReadersOfOneIDShareTheFirehose(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	pool := []*v1Reader{v1.firehose(t, "pool"), v1.firehose(t, "pool"), v1.firehose(t, "pool")}
	alone := v1.firehose(t, "alone")
	senders := []sender{v1.sender(t, 0, "shop"), v1.sender(t, 1, "shop")}
	for _, s := range senders {
		s.prime(t, appGuid, append(pool, alone)...)
	}
	const lines = 1500
	for i := range lines {
		must(t, senders[i%2].logs.SendAppLog(appGuid, fmt.Sprint(i), "APP", "0"))
		if i%100 == 99 {
			// No more on the way than a UDP socket of the smallest kind takes.
			eventually(t, 20*time.Second, "the lone reader keeps up", func() bool { return len(alone.logs(appGuid)) > i-100 })
		}
	}
	eventually(t, 20*time.Second, "the lone reader has them all", func() bool { return len(alone.logs(appGuid)) >= lines })
	count := func() int {
		return len(pool[0].logs(appGuid)) + len(pool[1].logs(appGuid)) + len(pool[2].logs(appGuid))
	}
	eventually(t, 20*time.Second, "the pool has them all", func() bool { return count() >= lines })
	seen := map[string]int{}
	for i, r := range pool {
		mine := r.logs(appGuid)
		t.Logf("member %d got %d", i, len(mine))
		if len(mine) < lines/10 {
			t.Errorf("member %d of three got %d of %d", i, len(mine), lines)
		}
		for _, line := range mine {
			seen[line]++
		}
	}
	if len(seen) != lines || count() != lines {
		t.Errorf("the pool has %d different lines in %d, want %d", len(seen), count(), lines)
	}
}

func TestTheContainersOfAnApp(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	r := v1.firehose(t, "watch")
	senders := []sender{v1.sender(t, 0, "rep"), v1.sender(t, 1, "rep")}
	for i, s := range senders {
		s.prime(t, appGuid, r)
		// Instances are spread over the machines, and so over the routers.
		must(t, s.metrics.SendContainerMetric(appGuid, int32(i), 10, 100, 200))
		must(t, s.metrics.SendContainerMetric(appGuid, int32(i), 20, 300, 400))
		must(t, s.metrics.SendContainerMetric(otherGuid, int32(i), 99, 9, 9))
	}
	consumer := v1.consumer(t)
	eventually(t, 10*time.Second, "the newest of each instance is known", func() bool {
		found, err := consumer.ContainerMetrics(appGuid, v1.token)
		must(t, err)
		for i, m := range found {
			if m.GetApplicationId() != appGuid || m.GetInstanceIndex() != int32(i) {
				t.Fatalf("containers: %v", found)
			}
		}
		return len(found) == 2 && found[0].GetMemoryBytes() == 300 && found[1].GetCpuPercentage() == 20
	})
	envelopes, err := consumer.ContainerEnvelopes(appGuid, v1.token)
	must(t, err)
	for _, e := range envelopes {
		if e.GetOrigin() != "rep" || e.GetTimestamp() == 0 || e.GetDeployment() != "cf" {
			t.Errorf("envelope: %v", e)
		}
	}
	if found, err := consumer.ContainerMetrics("00000000-0000-0000-0000-000000000000", v1.token); err != nil || len(found) != 0 {
		t.Errorf("an app that nobody knows has %v, %v", found, err)
	}
}

// A reader that comes back hears on: after the traffic controller, after a router.
func TestNoaaReconnectsWhenTheControllerComesBack(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	f.capi.allow("operator", appGuid)
	r, app := v1.firehose(t, "archive"), v1.stream(t, appGuid)
	s := v1.sender(t, 0, "shop")
	s.prime(t, appGuid, r, app)
	f.controller.Kill()
	for _, reader := range []*v1Reader{r, app} {
		eventually(t, 20*time.Second, "the consumer notices", func() bool { return len(reader.failures()) > 0 })
	}
	f.startController(t)
	eventually(t, 30*time.Second, "both hear on", func() bool {
		must(t, s.logs.SendAppLog(appGuid, "after the crash", "APP", "0"))
		return len(r.logs(appGuid)) > 0 && len(app.logs(appGuid)) > 0
	})

	// An orderly end says so: no consumer calls it a failure of the network.
	before := len(r.failures())
	if code := f.controller.Terminate(t); code != 0 {
		t.Errorf("the traffic controller ends with %d", code)
	}
	eventually(t, 20*time.Second, "the consumer notices", func() bool { return len(r.failures()) > before })
	if first := r.failures()[before].Error(); !strings.Contains(first, "close 1000") && !strings.Contains(first, "close 1001") {
		t.Errorf("at an orderly end the consumer says %q", first)
	}
}
