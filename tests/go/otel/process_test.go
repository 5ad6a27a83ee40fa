package otel_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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

// binary is the program under test: LOGWEIR_BIN, or what cargo built last.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LOGWEIR_BIN"); path != "" {
		return path
	}
	for _, profile := range []string{"debug", "release"} {
		path, err := filepath.Abs(filepath.Join("..", "..", "..", "target", profile, "logweir"))
		if err == nil {
			if _, err = os.Stat(path); err == nil {
				return path
			}
		}
	}
	t.Fatal("no binary: build it with `cargo build -p logweir`, or set LOGWEIR_BIN")
	return ""
}

// patience stretches every deadline by LOGWEIR_TEST_PATIENCE, for slow machines.
func patience(d time.Duration) time.Duration {
	factor, err := strconv.ParseFloat(os.Getenv("LOGWEIR_TEST_PATIENCE"), 64)
	if err != nil || factor <= 0 {
		return d
	}
	return time.Duration(float64(d) * factor)
}

// eventually waits until the condition holds.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience(within))
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience(within), what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// process is one that runs; it is killed when the test ends.
type process struct {
	cmd   *exec.Cmd
	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

// start runs a program with exactly the given environment and arguments. What it said is
// shown if the test failed.
func start(t *testing.T, program string, env map[string]string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &process{cmd: cmd, ended: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(stderr)
	}()
	go func() {
		<-read
		_ = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			last := p.lines[max(0, len(p.lines)-40):]
			t.Logf("%s said:\n%s", filepath.Base(program), strings.Join(last, "\n"))
		}
	})
	return p
}

func (p *process) read(stderr io.Reader) {
	scanner := bufio.NewScanner(stderr)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, scanner.Text())
		p.mu.Unlock()
	}
}

// wait waits for a line and returns the last group of its match.
func (p *process) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var group string
	eventually(t, 20*time.Second, "it says "+pattern, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, line := range p.lines {
			if found := re.FindStringSubmatch(line); found != nil {
				group = found[len(found)-1]
				return true
			}
		}
		return false
	})
	return group
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// terminate asks it to end, and waits.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(patience(20 * time.Second)):
		t.Fatal("it does not end on SIGTERM")
	}
}

// runAll starts every role in one process, and returns its doors.
func runAll(t *testing.T) (*process, map[string]string) {
	t.Helper()
	data := t.TempDir()
	env := map[string]string{"HOME": data, "PATH": os.Getenv("PATH")}
	p := start(t, binary(t), env, "run", "--ephemeral", "--data-dir", data)
	p.wait(t, "(logweir ready)")
	text, err := os.ReadFile(filepath.Join(data, "endpoints.json"))
	must(t, err)
	var doors map[string]string
	must(t, json.Unmarshal(text, &doors))
	return p, doors
}

// runCollector starts a collector with this configuration.
func runCollector(t *testing.T, config string) *process {
	t.Helper()
	path := filepath.Join(t.TempDir(), "collector.yaml")
	must(t, os.WriteFile(path, []byte(config), 0o600))
	p := start(t, collectorBinary, map[string]string{"HOME": os.TempDir()}, "--config", "file:"+path)
	p.wait(t, "(Everything is ready)")
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
