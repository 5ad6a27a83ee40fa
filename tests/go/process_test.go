package logweir_test

import (
	"bufio"
	"io"
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

// binary is the program under test: LOGWEIR_BIN, or what cargo built last.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LOGWEIR_BIN"); path != "" {
		return path
	}
	for _, profile := range []string{"debug", "release"} {
		path, err := filepath.Abs(filepath.Join("..", "..", "target", profile, "logweir"))
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

// process is one running role.
type process struct {
	name  string
	cmd   *exec.Cmd
	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

// start runs a program with exactly the given environment and arguments. It is
// killed when the test ends; what it said is shown if the test failed.
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
	p := &process{name: filepath.Base(program), cmd: cmd, ended: make(chan struct{})}
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
			t.Logf("%s said:\n%s", p.name, strings.Join(last, "\n"))
		}
	})
	return p
}

// startAs runs the binary under a peer's name, which tells it which role to play.
func startAs(t *testing.T, name string, env map[string]string) *process {
	t.Helper()
	link := filepath.Join(t.TempDir(), name)
	must(t, os.Symlink(binary(t), link))
	return start(t, link, env)
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

// find returns the first group of the first line that matches.
func (p *process) find(pattern *regexp.Regexp) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if found := pattern.FindStringSubmatch(line); found != nil {
			return found[len(found)-1], true
		}
	}
	return "", false
}

// wait waits for a line and returns the first group of its match.
func (p *process) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var group string
	eventually(t, 15*time.Second, p.name+" says "+pattern, func() bool {
		select {
		case <-p.ended:
			if _, ok := p.find(re); !ok {
				t.Fatalf("%s ended without saying %s", p.name, pattern)
			}
		default:
		}
		var ok bool
		group, ok = p.find(re)
		return ok
	})
	return group
}

// port is the port of a door, from the line that names it.
func (p *process) port(t *testing.T, door string) string {
	t.Helper()
	return p.wait(t, door+` bound to: .*:(\d+)`)
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// terminate asks it to end and returns its exit code.
func (p *process) terminate(t *testing.T) int {
	t.Helper()
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(patience(20 * time.Second)):
		t.Fatalf("%s does not end on SIGTERM", p.name)
	}
	return p.cmd.ProcessState.ExitCode()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
