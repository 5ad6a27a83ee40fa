package otel_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"logweir.test/program"
)

// collectorBinary is built once for all tests.
var collectorBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "logweir-otel-")
	if err == nil {
		collectorBinary = filepath.Join(dir, "collector")
		build := exec.Command("go", "build", "-o", collectorBinary, "./collector")
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot build the collector:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

type process = program.Process

var (
	binary     = program.Binary
	eventually = program.Eventually
	must       = program.Must
)

// runCollector starts a collector with this configuration.
func runCollector(t *testing.T, config string) *process {
	t.Helper()
	path := filepath.Join(t.TempDir(), "collector.yaml")
	must(t, os.WriteFile(path, []byte(config), 0o600))
	p := program.Start(t, collectorBinary, map[string]string{"HOME": os.TempDir()}, "--config", "file:"+path)
	p.Wait(t, "(Everything is ready)")
	return p
}

// freePort is one that nobody has at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
