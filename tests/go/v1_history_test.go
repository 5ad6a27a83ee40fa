package logweir_test

import (
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloudfoundry/sonde-go/events"
	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// noaa takes everything after `boundary=`, as it is.
var boundary = regexp.MustCompile("boundary=(.*)")

// parts reads a multipart answer as the clients of its time do.
func (s v1System) parts(t *testing.T, path string) [][]byte {
	t.Helper()
	client, url := s.http()
	request, err := http.NewRequest(http.MethodGet, url+path, nil)
	must(t, err)
	request.Header.Set("Authorization", s.token)
	response, err := client.Do(request)
	must(t, err)
	defer response.Body.Close()
	found := boundary.FindStringSubmatch(response.Header.Get("Content-Type"))
	if response.StatusCode != 200 || found == nil {
		body, _ := io.ReadAll(response.Body)
		t.Fatalf("%s: %s %v %q", path, response.Status, response.Header, body)
	}
	reader := multipart.NewReader(response.Body, found[1])
	parts := [][]byte{}
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return parts
		}
		must(t, err)
		bytes, err := io.ReadAll(part)
		must(t, err)
		parts = append(parts, bytes)
	}
}

// recentLogs is what is remembered of an app, priming lines left out.
func (s v1System) recentLogs(t *testing.T, app, query string) []string {
	t.Helper()
	lines := []string{}
	for _, part := range s.parts(t, "/apps/"+app+"/recentlogs"+query) {
		var e events.Envelope
		must(t, proto.Unmarshal(part, &e))
		if !isLogOf(&e, app) {
			t.Errorf("not a log of the app: %v", &e)
		}
		if !isPrimingV1(&e) {
			lines = append(lines, string(e.GetLogMessage().GetMessage()))
		}
	}
	return lines
}

// line2013 is a log message of 2013, as far as a reader looks at it.
type line2013 struct {
	message, app, source, name string
	timestamp                  int64
}

func parse2013(t *testing.T, bytes []byte) line2013 {
	t.Helper()
	var line line2013
	for len(bytes) > 0 {
		number, kind, n := protowire.ConsumeTag(bytes)
		if n < 0 {
			t.Fatalf("no log message: %x", bytes)
		}
		bytes = bytes[n:]
		switch kind {
		case protowire.VarintType:
			value, n := protowire.ConsumeVarint(bytes)
			if number == 3 {
				line.timestamp = protowire.DecodeZigZag(value)
			}
			bytes = bytes[n:]
		case protowire.BytesType:
			value, n := protowire.ConsumeBytes(bytes)
			if n < 0 {
				t.Fatalf("no log message: %x", bytes)
			}
			switch number {
			case 1:
				line.message = string(value)
			case 4:
				line.app = string(value)
			case 6:
				line.source = string(value)
			case 8:
				line.name = string(value)
			}
			bytes = bytes[n:]
		default:
			t.Fatalf("a field of type %d in a log message of 2013", kind)
		}
	}
	return line
}

// remember sends numbered lines of an app over both agents and waits until they are
// remembered.
func (s v1System) remember(t *testing.T, app string, lines int) []string {
	t.Helper()
	senders := make([]sender, len(s.dropsonde))
	for i := range senders {
		senders[i] = s.sender(t, i, "shop")
	}
	var sent []string
	for i := range lines {
		line := strconv.Itoa(i)
		sent = append(sent, line)
		must(t, senders[i%len(senders)].logs.SendAppLog(app, line, "APP/PROC/WEB", "3"))
		// Different agents and routers: their order is that of the clock.
		time.Sleep(time.Millisecond)
	}
	eventually(t, 10*time.Second, "the lines are remembered", func() bool {
		return len(s.recentLogs(t, app, "?limit=10000")) >= min(lines, 100)
	})
	return sent
}

func TestRecentLogsOfAllRouters(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	f.capi.allow("operator", appGuid)
	f.capi.allow("operator", otherGuid)
	s := v1.sender(t, 0, "shop")
	s.prime(t, otherGuid, v1.firehose(t, "primes"))
	s = v1.sender(t, 1, "shop")
	s.prime(t, otherGuid, v1.firehose(t, "primes"))
	sent := v1.remember(t, appGuid, 60)
	eventually(t, 10*time.Second, "all are there, in order", func() bool {
		return slices.Equal(v1.recentLogs(t, appGuid, ""), sent)
	})
	if got := v1.recentLogs(t, appGuid, "?limit=7"); !slices.Equal(got, sent[53:]) {
		t.Errorf("the last seven: %v", got)
	}
	if got := v1.recentLogs(t, appGuid, "?limit=junk"); len(got) != 60 {
		t.Errorf("a limit that is no number gives %d lines", len(got))
	}
	f.routers[1].Kill()
	eventually(t, 10*time.Second, "half of them, while one router is gone", func() bool {
		return len(v1.recentLogs(t, appGuid, "")) == 30
	})
}

// A stream that begins with history goes on without a gap, and tells nothing twice.
func TestHistoryIsFollowedWithoutAGap(t *testing.T) {
	v1, _ := runAllV1(t)
	s := v1.sender(t, 0, "shop")
	s.prime(t, appGuid, v1.firehose(t, "primes"))
	load := emitSteadily(s, appGuid, time.Millisecond)
	eventually(t, 10*time.Second, "there is some history", func() bool { return load.count() > 300 })
	var readers []*v1Reader
	for range 10 {
		client := v1.consumer(t)
		client.SetStreamPathBuilder(func(app string) string { return "/apps/" + app + "/stream?recent=50" })
		readers = append(readers, collectV1(client.Stream(appGuid, v1.token)))
		mark := load.count()
		eventually(t, 10*time.Second, "time passes", func() bool { return load.count() > mark+50 })
	}
	load.finish()
	last := load.count() - 1
	for n, r := range readers {
		eventually(t, 10*time.Second, "the last line arrives", func() bool { return r.heard(appGuid, last) })
		lines := r.logs(appGuid)
		first, err := strconv.Atoi(lines[0])
		must(t, err)
		for i, line := range lines {
			if line != strconv.Itoa(first+i) {
				t.Errorf("reader %d: line %d is %s, not %d", n, i, line, first+i)
				break
			}
		}
		t.Logf("reader %d begins with %d of %d", n, first, last)
	}
}

func TestThePathsOf2013(t *testing.T) {
	v1, _ := runAllV1(t)
	s := v1.sender(t, 0, "shop")
	s.prime(t, otherGuid, v1.firehose(t, "primes"))
	sent := v1.remember(t, appGuid, 30)
	check := func(what string, frames [][]byte, want []string) {
		t.Helper()
		var got []string
		for _, frame := range frames {
			line := parse2013(t, frame)
			age := time.Since(time.Unix(0, line.timestamp))
			if line.app != appGuid || line.source != "3" || line.name != "APP/PROC/WEB" || age < 0 || age > time.Hour {
				t.Errorf("%s: %+v", what, line)
			}
			got = append(got, line.message)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s gives %v, want %v", what, got, want)
		}
	}
	check("/recent", v1.parts(t, "/recent?app="+appGuid), sent)
	check("/dump/ by HTTP", v1.parts(t, "/dump/?app="+appGuid), sent)
	check("/recent of nobody", v1.parts(t, "/recent?app="+strings.ToUpper(appGuid)), nil)

	open := func(path string) *websocket.Conn {
		t.Helper()
		dialer := websocket.Dialer{HandshakeTimeout: patience(10 * time.Second)}
		conn, _, err := dialer.Dial(v1.url+path, nil)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		must(t, conn.SetReadDeadline(time.Now().Add(patience(10*time.Second))))
		return conn
	}
	dump := open("/dump/?app=" + appGuid)
	var frames [][]byte
	for {
		_, frame, err := dump.ReadMessage()
		if err != nil {
			if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
				t.Errorf("a dump ends with %v", err)
			}
			break
		}
		frames = append(frames, frame)
	}
	check("/dump/", frames, sent)

	tail := open("/tail/?app=" + appGuid)
	// As the clients of that time did, at once and now and then.
	must(t, tail.WriteMessage(websocket.TextMessage, []byte("I'm alive!")))
	frames = nil
	next := func() {
		t.Helper()
		_, frame, err := tail.ReadMessage()
		must(t, err)
		frames = append(frames, frame)
	}
	for range 20 {
		next()
	}
	must(t, s.logs.SendAppLog(appGuid, "live", "APP/PROC/WEB", "3"))
	must(t, s.metrics.SendContainerMetric(appGuid, 0, 1, 1, 1))
	must(t, s.logs.SendAppLog(appGuid, "on", "APP/PROC/WEB", "3"))
	next()
	next()
	check("/tail/", frames, append(slices.Clone(sent[10:]), "live", "on"))

	client, url := v1.http()
	for _, path := range []string{"/recent", "/recent?app=", "/tail/", "/dump/"} {
		response, err := client.Get(url + path)
		must(t, err)
		body, err := io.ReadAll(response.Body)
		must(t, err)
		response.Body.Close()
		name, _, _ := strings.Cut(path, "?")
		if want := "Resource Not Found. " + name; response.StatusCode != 404 || strings.TrimSpace(string(body)) != want {
			t.Errorf("%s: %d %q, want 404 %q", path, response.StatusCode, body, want)
		}
	}
}
