package logweir_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// identities is a directory with an authority and one identity for each role, named
// as the peers name them.
type identities struct {
	dir string
}

func newIdentities(t *testing.T) identities {
	t.Helper()
	ids := identities{dir: t.TempDir()}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	must(t, err)
	write(t, ids.ca(), "CERTIFICATE", der)
	for serial, role := range []string{"doppler", "reverselogproxy", "metron", "client", "gateway", "trafficcontroller", "uaa", "cloud-controller", "log-cache"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(int64(serial) + 2),
			Subject:      pkix.Name{CommonName: role},
			NotBefore:    time.Now().Add(-time.Hour),
			NotAfter:     time.Now().Add(24 * time.Hour),
			DNSNames:     []string{role, "localhost"},
			IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
			KeyUsage:     x509.KeyUsageDigitalSignature,
			ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), authorityKey)
		must(t, err)
		write(t, ids.cert(role), "CERTIFICATE", der)
		der, err = x509.MarshalPKCS8PrivateKey(key)
		must(t, err)
		write(t, ids.key(role), "PRIVATE KEY", der)
	}
	return ids
}

func write(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func (ids identities) ca() string              { return filepath.Join(ids.dir, "ca.crt") }
func (ids identities) cert(role string) string { return filepath.Join(ids.dir, role+".crt") }
func (ids identities) key(role string) string  { return filepath.Join(ids.dir, role+".key") }

// variables gives a role its identity through the variables of those names.
func (ids identities) variables(env map[string]string, role, cert, key, ca string) {
	env[cert], env[key], env[ca] = ids.cert(role), ids.key(role), ids.ca()
}
