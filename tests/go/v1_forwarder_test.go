package logweir_test

import (
	"testing"

	"github.com/cloudfoundry/sonde-go/events"
)

// startForwarder starts a UDP forwarder to an agent and says where it listens. The
// peer does not, so the port is chosen here.
func (f *v1Fleet) startForwarder(t *testing.T, agent int) string {
	t.Helper()
	port := freePort(t)
	env := map[string]string{
		"USE_RFC3339":            "true",
		"UDP_PORT":               port,
		"LOGGREGATOR_AGENT_ADDR": "127.0.0.1:" + f.agents[agent].Port(t, "grpc"),
		"DEPLOYMENT":             "old",
		"JOB":                    "relic",
		"INDEX":                  "7",
		"IP":                     "10.0.0.7",
		"METRICS_PORT":           "0",
		"DEBUG_METRICS":          "false",
		"PPROF_PORT":             "0",
	}
	f.ids.variables(env, "client", "LOGGREGATOR_AGENT_CERT_FILE_PATH", "LOGGREGATOR_AGENT_KEY_FILE_PATH", "LOGGREGATOR_AGENT_CA_FILE_PATH")
	f.ids.variables(env, "metron", "METRICS_CERT_FILE_PATH", "METRICS_KEY_FILE_PATH", "METRICS_CA_FILE_PATH")
	startAs(t, "udp-forwarder", env)
	return "127.0.0.1:" + port
}

// What passes a forwarder is V2 between it and the router, and the same to V1 readers.
func TestEveryV1TypePassesTheForwarder(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	v1.dropsonde = []string{f.startForwarder(t, 1)}
	r := v1.firehose(t, "archive")
	s := v1.sender(t, 0, "relic")
	s.prime(t, appGuid, r)
	emitEveryV1Type(t, s, appGuid)
	checkEveryV1Type(t, r, s, appGuid)
	for _, e := range r.where(func(e *events.Envelope) bool { return e.GetOrigin() == s.Origin() }) {
		if e.GetDeployment() != "old" || e.GetJob() != "relic" || e.GetIndex() != "7" || e.GetIp() != "10.0.0.7" {
			t.Errorf("the forwarder's fields are missing: %v", e)
		}
	}
}
