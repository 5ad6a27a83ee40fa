package logweir_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// knock asks for a WebSocket and says how it was answered: 101, or a status and a body.
func (s v1System) knock(t *testing.T, path string, header http.Header) (int, http.Header, string) {
	t.Helper()
	dialer := websocket.Dialer{TLSClientConfig: s.tls, HandshakeTimeout: patience(30 * time.Second)}
	conn, response, err := dialer.Dial(s.url+path, header)
	if err == nil {
		_ = conn.Close()
		return response.StatusCode, response.Header, ""
	}
	if response == nil {
		t.Fatalf("%s is not answered: %v", path, err)
	}
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, response.Header, string(body)
}

func withToken(token string) http.Header {
	return http.Header{"Authorization": {token}}
}

const notAuthorized = "You are not authorized. "

func TestWhoMayReadV1(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	f.capi.allow("owner", appGuid)
	owner := f.uaa.token("owner", time.Hour, "cloud_controller.read", "openid")
	stranger := f.uaa.token("stranger", time.Hour, "openid")
	forged := newSigner(t, "key-1").sign(claims{
		Subject: "operator", Scope: []string{"doppler.firehose"}, Expires: time.Now().Add(time.Hour).Unix(),
	})
	cookie := func(value string) http.Header { return http.Header{"Cookie": {"authorization=" + value}} }
	escaped := strings.Replace(owner, " ", "%20", 1)
	firehose, stream := "/firehose/nozzle", "/apps/"+appGuid+"/stream"
	cases := []struct {
		name, path   string
		header       http.Header
		status       int
		body         string
		authenticate string
	}{
		{"nobody, firehose", firehose, nil, 401, notAuthorized + "authorization not provided", "Basic"},
		{"nobody, app", stream, nil, 401, "", "Basic"},
		{"nobody, no guid", "/apps/not-a-guid/stream", nil, 401, "", ""},
		{"operator, firehose", firehose, withToken(v1.token), 101, "", ""},
		{"operator, firehose of an empty query", firehose + "?", withToken(v1.token), 101, "", ""},
		{"operator, firehose of a filter that nobody knows", firehose + "?filter-type=bogus", withToken(v1.token), 101, "", ""},
		{"operator, capital scheme", firehose, withToken(strings.Replace(v1.token, "bearer", "Bearer", 1)), 101, "", ""},
		{"another operator", firehose, withToken(f.uaa.token("op", time.Hour, "logs.admin")), 101, "", ""},
		{"owner, firehose", firehose, withToken(owner), 401, notAuthorized + "invalid authorization", "Basic"},
		{"expired, firehose", firehose, withToken(f.uaa.token("op", -time.Second, "doppler.firehose")), 401, notAuthorized + "invalid authorization", "Basic"},
		{"forged, firehose", firehose, withToken("bearer " + forged), 401, notAuthorized + "invalid authorization", "Basic"},
		{"owner, app", stream, withToken(owner), 101, "", ""},
		{"owner, another app", "/apps/" + otherGuid + "/stream", withToken(owner), 404, "", ""},
		{"stranger, app", stream, withToken(stranger), 404, "", ""},
		{"expired, app", stream, withToken(f.uaa.token("owner", -time.Second)), 401, "", "Basic"},
		{"cookie", stream, cookie(escaped), 101, "", ""},
		{"cookie with a plus", stream, cookie(strings.Replace(owner, " ", "+", 1)), 101, "", ""},
		{"quoted cookie", stream, cookie(`"` + escaped + `"`), 101, "", ""},
		{"cookie that is no encoding", stream, cookie("bearer%zz"), 401, "", "Basic"},
		{"cookie beside a wrong header", stream, http.Header{"Cookie": cookie(escaped)["Cookie"], "Authorization": {"bearer no"}}, 401, "", "Basic"},
		{"another path", "/firehose/a/b", withToken(v1.token), 404, "404 page not found\n", ""},
		{"an escaped slash", "/firehose/a%2Fb", withToken(v1.token), 404, "404 page not found\n", ""},
		{"no subscription", "/firehose/", withToken(v1.token), 404, "404 page not found\n", ""},
		{"an odd subscription", "/firehose/%E2%98%83%20x", withToken(v1.token), 101, "", ""},
		{"two slashes", "//firehose/x", withToken(v1.token), 301, "", ""},
	}
	for _, c := range cases {
		status, header, body := v1.knock(t, c.path, c.header)
		if status != c.status || status != 101 && body != c.body || header.Get("Www-Authenticate") != c.authenticate {
			t.Errorf("%s: %d %q %q, want %d %q %q", c.name,
				status, body, header.Get("Www-Authenticate"), c.status, c.body, c.authenticate)
		}
	}
}

// refresher counts how often it is asked for a new token.
type refresher struct {
	token func() string
	asked atomic.Int32
}

func (r *refresher) RefreshAuthToken() (string, error) {
	r.asked.Add(1)
	return r.token(), nil
}

func TestNoaaRefreshesATokenThatHasExpired(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	expired := f.uaa.token("operator", -time.Minute, "doppler.firehose")
	fresh := &refresher{token: func() string { return f.uaa.token("operator", time.Hour, "doppler.firehose") }}
	client := v1.consumer(t)
	client.RefreshTokenFrom(fresh)
	r := collectV1(client.Firehose("nozzle", expired))
	v1.sender(t, 0, "shop").prime(t, appGuid, r)
	if asked := fresh.asked.Load(); asked != 1 {
		t.Errorf("the consumer asks %d times for a token", asked)
	}
	if failures := r.failures(); len(failures) > 0 {
		t.Errorf("the consumer says %v", failures)
	}
	f.capi.allow("operator", appGuid)
	if _, err := client.ContainerEnvelopes(appGuid, expired); err != nil {
		t.Error(err)
	}
	if asked := fresh.asked.Load(); asked != 2 {
		t.Errorf("the consumer asks %d times for a token", asked)
	}
	// Without anybody to ask, the user reads why.
	_, failures := v1.consumer(t).FirehoseWithoutReconnect("nozzle", expired)
	if err := <-failures; !strings.Contains(err.Error(), "Unauthorized error: "+notAuthorized+"invalid authorization") {
		t.Errorf("the consumer says %v", err)
	}
}

func TestAGrantIsRememberedForAWhile(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	for range 5 {
		if status, _, _ := v1.knock(t, "/firehose/x", withToken(v1.token)); status != 101 {
			t.Fatalf("an operator gets %d", status)
		}
	}
	if calls := f.uaa.called(); calls != 1 {
		t.Errorf("the token server is asked %d times for one token", calls)
	}
	// A refusal is not: a right that was just given works at once.
	owner := f.uaa.token("owner", time.Hour)
	stream := "/apps/" + appGuid + "/stream"
	if status, _, _ := v1.knock(t, stream, withToken(owner)); status != 404 {
		t.Errorf("a stranger gets %d", status)
	}
	f.capi.allow("owner", appGuid)
	if status, _, _ := v1.knock(t, stream, withToken(owner)); status != 101 {
		t.Errorf("an owner gets %d", status)
	}
}

// Whatever the platform does, nobody reads who may not, and nobody waits for ever.
func TestAPlatformThatFails(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	f.capi.allow("owner", appGuid)
	owner := func() http.Header { return withToken(f.uaa.token("owner", time.Hour)) }
	operator := func() http.Header { return withToken(f.uaa.token("operator", time.Hour, "doppler.firehose")) }
	firehose, stream := "/firehose/nozzle", "/apps/"+appGuid+"/stream"
	expect := func(what, path string, header http.Header, want ...int) {
		t.Helper()
		started := time.Now()
		status, _, body := v1.knock(t, path, header)
		for _, w := range want {
			if status == w {
				return
			}
		}
		t.Errorf("%s: %d %q after %s, want %v", what, status, body, time.Since(started), want)
	}

	f.uaa.set(slow)
	expect("a slow token server", firehose, operator(), 101)
	f.capi.set(slow)
	expect("a slow cloud controller", stream, owner(), 101)
	f.capi.set(healthy)
	for mode, name := range map[fault]string{failing: "fails", wrong: "answers nonsense"} {
		f.uaa.set(mode)
		expect("the token server "+name, firehose, operator(), 503)
		expect("the token server "+name+", which is not the app's affair", stream, owner(), 101)
		f.uaa.set(healthy)
	}
	f.capi.set(failing)
	expect("the cloud controller fails", stream, owner(), 500, 503)
	expect("the cloud controller fails, which is not the firehose's affair", firehose, operator(), 101)

	// Both hang, and whoever asks is answered all the same.
	f.uaa.set(hanging)
	f.capi.set(hanging)
	var both sync.WaitGroup
	both.Go(func() { expect("the token server hangs", firehose, operator(), 503) })
	both.Go(func() { expect("the cloud controller hangs", stream, owner(), 500, 503) })
	both.Wait()

	// Both are gone.
	f.uaa.server.CloseClientConnections()
	f.uaa.server.Close()
	f.capi.server.CloseClientConnections()
	f.capi.server.Close()
	expect("no token server", firehose, operator(), 503)
	expect("no cloud controller", stream, owner(), 500, 503)
}

// The form that browsers use to get their token into a cookie.
func TestSetCookie(t *testing.T) {
	f := startV1Fleet(t)
	v1 := f.v1(t)
	client, url := v1.http()
	post := func(form string) *http.Response {
		t.Helper()
		request, err := http.NewRequest(http.MethodPost, url+"/set-cookie", strings.NewReader(form))
		must(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", "https://console.example")
		response, err := client.Do(request)
		must(t, err)
		defer response.Body.Close()
		return response
	}
	response := post("CookieName=authorization&CookieValue=bearer%2520abc")
	if response.StatusCode != 200 || len(response.Cookies()) != 1 {
		t.Fatalf("%s %v", response.Status, response.Header)
	}
	c := response.Cookies()[0]
	got := fmt.Sprint(c.Name, " ", c.Value, " ", c.Domain, " ", c.Secure, c.HttpOnly)
	if want := "authorization bearer%20abc doppler.sys.example true true"; got != want {
		t.Errorf("cookie: %s, want %s", got, want)
	}
	if origin := response.Header.Get("Access-Control-Allow-Origin"); origin != "https://console.example" {
		t.Errorf("allowed for %q", origin)
	}
	for _, form := range []string{"", "CookieName=authorization", "CookieName=&CookieValue=x", "%zz"} {
		if response := post(form); response.StatusCode != 400 || len(response.Cookies()) != 0 {
			t.Errorf("%q: %s %v", form, response.Status, response.Cookies())
		}
	}
}
