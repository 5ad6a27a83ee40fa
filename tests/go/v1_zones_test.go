package logweir_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A traffic controller over two zones merges them, and lives through the loss of one.
func TestAZoneIsLost(t *testing.T) {
	f := &v1Fleet{fleet: fleet{ids: newIdentities(t)}, port: freePort(t)}
	for i := range f.routers {
		f.ports[i] = freePort(t)
		f.startRouter(t, i)
	}
	// Each agent knows the router of its zone alone.
	for i := range f.agents {
		f.agents[i] = f.startAgent(t, f.ports[i], f.ports[i])
	}
	status := freePort(t)
	config := filepath.Join(t.TempDir(), "logweir.toml")
	text := fmt.Sprintf(`
[traffic_controller]
listen = "127.0.0.1:%s"
status = "127.0.0.1:%s"
zones = [{ name = "z1", routers = ["127.0.0.1:%s"] }, { name = "z2", routers = ["127.0.0.1:%s"] }]
[traffic_controller.router_tls]
cert = %q
key = %q
ca = %q
`, f.port, status, f.ports[0], f.ports[1], f.ids.cert("trafficcontroller"), f.ids.key("trafficcontroller"), f.ids.ca())
	must(t, os.WriteFile(config, []byte(text), 0o600))
	controller := start(t, binary(t), nil, "traffic-controller", "--config", config)
	controller.Wait(t, "(logweir ready)")
	v1 := v1System{url: "ws://127.0.0.1:" + f.port}
	for _, agent := range f.agents {
		v1.dropsonde = append(v1.dropsonde, "127.0.0.1:"+agent.Port(t, "udp"))
	}
	ready := func() (int, string) {
		response, err := http.Get("http://127.0.0.1:" + status + "/readyz")
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(body)
	}

	r := v1.firehose(t, "archive")
	senders := []sender{v1.sender(t, 0, "first"), v1.sender(t, 1, "second")}
	arrives := func(i int, what string) {
		t.Helper()
		eventually(t, 30*time.Second, what, func() bool {
			must(t, senders[i].logs.SendAppLog(appGuid, what, "APP", "0"))
			for _, line := range r.logs(appGuid) {
				if line == what {
					return true
				}
			}
			return false
		})
	}
	arrives(0, "the first zone is heard")
	arrives(1, "the second zone is heard")
	f.routers[1].Kill()
	arrives(0, "the first zone is heard alone")
	eventually(t, 20*time.Second, "the loss is told", func() bool {
		code, body := ready()
		return code == 200 && strings.Contains(body, "z2")
	})
	if lines := v1.recentLogs(t, appGuid, ""); len(lines) == 0 {
		t.Error("nothing is remembered while a zone is gone")
	}
	f.startRouter(t, 1)
	arrives(1, "the second zone is heard again")
	if failures := r.failures(); len(failures) > 0 {
		t.Errorf("the consumer says %v", failures)
	}
	eventually(t, 20*time.Second, "its return is told", func() bool {
		code, body := ready()
		return code == 200 && !strings.Contains(body, "z2")
	})
}
