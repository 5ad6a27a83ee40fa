package logweir_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fault is how a server of the platform misbehaves.
type fault int

const (
	healthy fault = iota
	slow          // answers after a second
	hanging       // never answers
	failing       // answers 500
	wrong         // answers 200 with something that is no answer to the question
)

// faulty makes a handler misbehave on demand.
type faulty struct {
	mu      sync.Mutex
	fault   fault
	calls   int
	handler http.Handler
}

func (f *faulty) set(mode fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = mode
}

// called is how many requests there were.
func (f *faulty) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.calls++
	mode := f.fault
	f.mu.Unlock()
	switch mode {
	case slow:
		time.Sleep(time.Second)
	case hanging:
		// The server notices that a client has gone only once it has read the request.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return
	case failing:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case wrong:
		fmt.Fprint(w, `<html>Welcome to the load balancer</html>`)
		return
	}
	f.handler.ServeHTTP(w, r)
}

const uaaClient, uaaSecret = "doppler", "a secret: with / odd + bytes"

// uaa is a token server: it issues tokens signed with RS256 and says what is in them.
type uaa struct {
	faulty
	server *httptest.Server
	signer signer
}

// startUAA serves TLS with the identity "uaa".
func startUAA(t *testing.T, ids identities) *uaa {
	t.Helper()
	u := &uaa{signer: newSigner(t, "key-1")}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /check_token", u.checkToken)
	mux.HandleFunc("GET /token_key", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, u.key())
	})
	mux.HandleFunc("GET /token_keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"keys": []any{u.key()}})
	})
	u.handler = mux
	u.server = serveTLS(t, ids, "uaa", tls.NoClientCert, &u.faulty)
	return u
}

// token issues one to a user for so long.
func (u *uaa) token(user string, lives time.Duration, scopes ...string) string {
	now := time.Now()
	return "bearer " + u.signer.sign(claims{
		ID: rand.Text(), Subject: user, UserID: user, UserName: user, ClientID: "cf",
		Scope: scopes, Audience: []string{"cf", "doppler"}, Issuer: u.server.URL + "/oauth/token",
		Issued: now.Unix(), Expires: now.Add(lives).Unix(),
	})
}

func (u *uaa) checkToken(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id != uaaClient || secret != uaaSecret {
		answer(w, http.StatusUnauthorized, map[string]string{
			"error": "unauthorized", "error_description": "Bad credentials",
		})
		return
	}
	found, err := u.signer.check(r.PostFormValue("token"))
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{
			"error": "invalid_token", "error_description": "The token expired, was revoked, or the token ID is incorrect.",
		})
		return
	}
	answer(w, http.StatusOK, found)
}

// key is the public key as JSON Web Key, with the PEM that this server's kind adds.
func (u *uaa) key() map[string]string {
	public := &u.signer.key.PublicKey
	return map[string]string{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": u.signer.id,
		"n":     base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e":     base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		"value": publicPEM(public),
	}
}

func publicPEM(key *rsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// capi is a cloud controller: it knows which user may read which app.
type capi struct {
	faulty
	server *httptest.Server
	signer signer
	apps   map[string][]string
	names  map[string]string
	mu     sync.Mutex
}

// startCAPI serves TLS with the identity "cloud-controller", and asks for certificates so.
func startCAPI(t *testing.T, ids identities, signer signer, auth tls.ClientAuthType) *capi {
	t.Helper()
	c := &capi{signer: signer, apps: map[string][]string{}, names: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /internal/v4/log_access/{guid}", c.appOf)
	mux.HandleFunc("GET /v3/apps/{guid}", c.appOf)
	mux.HandleFunc("GET /v3/apps", c.list)
	mux.HandleFunc("GET /v3/service_instances", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"pagination": map[string]any{}, "resources": []any{}})
	})
	c.handler = mux
	c.server = serveTLS(t, ids, "cloud-controller", auth, &c.faulty)
	return c
}

// allow gives a user an app.
func (c *capi) allow(user, app string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apps[user] = append(c.apps[user], app)
}

// call gives an app its name.
func (c *capi) call(app, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names[app] = name
}

// visible are the apps of whoever asks; nobody asks without a token.
func (c *capi) visible(r *http.Request) ([]string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	found, err := c.signer.check(token)
	if err != nil || !strings.EqualFold(scheme, "bearer") {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apps[found.UserID], true
}

func (c *capi) appOf(w http.ResponseWriter, r *http.Request) {
	apps, known := c.visible(r)
	if !known {
		w.WriteHeader(http.StatusUnauthorized)
	} else if !slices.Contains(apps, r.PathValue("guid")) {
		w.WriteHeader(http.StatusNotFound)
	}
}

// list answers one app a page, at an address that is not its own.
func (c *capi) list(w http.ResponseWriter, r *http.Request) {
	apps, known := c.visible(r)
	if !known {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	query := r.URL.Query()
	chosen := func(name, value string) bool {
		return query.Get(name) == "" || slices.Contains(strings.Split(query.Get(name), ","), value)
	}
	resources := []map[string]string{}
	c.mu.Lock()
	for _, app := range apps {
		if chosen("guids", app) && chosen("names", c.names[app]) {
			resources = append(resources, map[string]string{"guid": app, "name": c.names[app]})
		}
	}
	c.mu.Unlock()
	page, _ := strconv.Atoi(query.Get("page"))
	pagination := map[string]any{"next": nil}
	if page+1 < len(resources) {
		query.Set("page", strconv.Itoa(page+1))
		pagination["next"] = map[string]string{"href": "https://api.sys.example/v3/apps?" + query.Encode()}
	}
	end := min(page+1, len(resources))
	answer(w, http.StatusOK, map[string]any{"pagination": pagination, "resources": resources[min(page, end):end]})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The other side may be gone; that is its affair.
	_ = json.NewEncoder(w).Encode(body)
}

// serveTLS serves with an identity of these, on a port of its own.
func serveTLS(t *testing.T, ids identities, role string, auth tls.ClientAuthType, handler http.Handler) *httptest.Server {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(ids.cert(role), ids.key(role))
	must(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: auth, ClientCAs: ids.pool(t)}
	// A fault that is tested is no news.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// pool is the authority, for whoever verifies.
func (ids identities) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	text, err := os.ReadFile(ids.ca())
	must(t, err)
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no authority in " + ids.ca())
	}
	return pool
}
