// Package program runs the program under test, and other programs, as processes.
package program

import (
	"bufio"
	"encoding/json"
	"errors"
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

// Binary is the program under test: LOGWEIR_BIN, or what cargo built last.
func Binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LOGWEIR_BIN"); path != "" {
		return path
	}
	for _, profile := range []string{"debug", "release"} {
		path := filepath.Join(root(t), "target", profile, "logweir")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatal("no binary: build it with `cargo build -p logweir`, or set LOGWEIR_BIN")
	return ""
}

// root is the directory of the whole project: the nearest above that has a Cargo.lock.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	Must(t, err)
	for {
		_, err := os.Stat(filepath.Join(dir, "Cargo.lock"))
		if err == nil {
			return dir
		}
		above := filepath.Dir(dir)
		if !errors.Is(err, os.ErrNotExist) || above == dir {
			t.Fatalf("no Cargo.lock above the tests: %v", err)
		}
		dir = above
	}
}

// Patience stretches every deadline by LOGWEIR_TEST_PATIENCE, for slow machines.
func Patience(d time.Duration) time.Duration {
	factor, err := strconv.ParseFloat(os.Getenv("LOGWEIR_TEST_PATIENCE"), 64)
	if err != nil || factor <= 0 {
		return d
	}
	return time.Duration(float64(d) * factor)
}

// Eventually waits until the condition holds.
func Eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience(within))
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", Patience(within), what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Process is one running role.
type Process struct {
	name  string
	cmd   *exec.Cmd
	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

// Start runs a program with exactly the given environment and arguments. It is
// killed when the test ends; what it said is shown if the test failed.
func Start(t *testing.T, program string, env map[string]string, args ...string) *Process {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	stderr, err := cmd.StderrPipe()
	Must(t, err)
	Must(t, cmd.Start())
	p := &Process{name: filepath.Base(program), cmd: cmd, ended: make(chan struct{})}
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
		p.Kill()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			last := p.lines[max(0, len(p.lines)-40):]
			t.Logf("%s said:\n%s", p.name, strings.Join(last, "\n"))
		}
	})
	return p
}

// StartAs runs the binary under a peer's name, which tells it which role to play.
func StartAs(t *testing.T, name string, env map[string]string) *Process {
	t.Helper()
	link := filepath.Join(t.TempDir(), name)
	Must(t, os.Symlink(Binary(t), link))
	return Start(t, link, env)
}

func (p *Process) read(stderr io.Reader) {
	scanner := bufio.NewScanner(stderr)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, scanner.Text())
		p.mu.Unlock()
	}
}

// find returns the first group of the first line that matches.
func (p *Process) find(pattern *regexp.Regexp) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if found := pattern.FindStringSubmatch(line); found != nil {
			return found[len(found)-1], true
		}
	}
	return "", false
}

// Wait waits for a line and returns the first group of its match.
func (p *Process) Wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var group string
	Eventually(t, 20*time.Second, p.name+" says "+pattern, func() bool {
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

// Port is the port of a door, from the line that names it.
func (p *Process) Port(t *testing.T, door string) string {
	t.Helper()
	return p.Wait(t, door+` bound to: .*:(\d+)`)
}

// Kill ends the process as a crash would.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Terminate asks it to end and returns its exit code.
func (p *Process) Terminate(t *testing.T) int {
	t.Helper()
	Must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(Patience(20 * time.Second)):
		t.Fatalf("%s does not end on SIGTERM", p.name)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Must ends the test on an error.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// RunAll starts every role in one process with these arguments more, and returns the
// directory of its data and its doors.
func RunAll(t *testing.T, args ...string) (data string, doors map[string]string) {
	t.Helper()
	data = t.TempDir()
	env := map[string]string{"HOME": data, "PATH": os.Getenv("PATH")}
	args = append([]string{"run", "--ephemeral", "--data-dir", data}, args...)
	Start(t, Binary(t), env, args...).Wait(t, "(logweir ready)")
	return data, doorsIn(t, data)
}

// doorsIn are those that `logweir run` left in the directory of its data.
func doorsIn(t *testing.T, data string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "endpoints.json"))
	Must(t, err)
	var doors map[string]string
	Must(t, json.Unmarshal(text, &doors))
	return doors
}
