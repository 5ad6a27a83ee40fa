package logweir_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// claims are what a token server writes into its tokens, as far as anybody here reads it.
type claims struct {
	ID       string   `json:"jti"`
	Subject  string   `json:"sub"`
	UserID   string   `json:"user_id,omitempty"`
	UserName string   `json:"user_name,omitempty"`
	ClientID string   `json:"client_id"`
	Scope    []string `json:"scope"`
	Audience []string `json:"aud"`
	Issuer   string   `json:"iss"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
}

// signer makes and checks tokens signed with RS256 (RFC 7518 §3.3).
type signer struct {
	id  string
	key *rsa.PrivateKey
}

func newSigner(t *testing.T, id string) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return signer{id, key}
}

var unpadded = base64.RawURLEncoding

// sign makes a compact JWT.
func (s signer) sign(c claims) string {
	header, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": s.id})
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	signed := unpadded.EncodeToString(header) + "." + unpadded.EncodeToString(payload)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + unpadded.EncodeToString(signature)
}

// check verifies a token's signature and time and gives its claims.
func (s signer) check(token string) (claims, error) {
	var c claims
	end := strings.LastIndexByte(token, '.')
	if end < 0 {
		return c, errors.New("no token")
	}
	signature, err := unpadded.DecodeString(token[end+1:])
	if err != nil {
		return c, err
	}
	digest := sha256.Sum256([]byte(token[:end]))
	if err := rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
		return c, err
	}
	_, payload, _ := strings.Cut(token[:end], ".")
	text, err := unpadded.DecodeString(payload)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, err
	}
	if time.Now().Unix() >= c.Expires {
		return c, errors.New("expired")
	}
	return c, nil
}
