//go:build linux && amd64

package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
)

// user is the only account: the engine has no others.
const user = "default"

// guard decides who may ask. That the listener is on loopback does not: every program
// and every web page on the machine can send requests to it.
type guard struct {
	password string
}

// checkOrigin refuses requests that a browser sends on behalf of a web page of somewhere
// else, also one that made its own name point to 127.0.0.1.
func (g guard) checkOrigin(r *http.Request) error {
	if !isLoopbackHost(r.Host) {
		return engine.NewException(516, "AUTHENTICATION_FAILED",
			"the Host header names another machine; use http://127.0.0.1 or http://localhost")
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
		return engine.NewException(516, "AUTHENTICATION_FAILED", "requests from web pages are refused (Origin header)")
	}
	return nil
}

// isLoopbackHost says whether a Host header names this machine by a loopback address.
func isLoopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// checkLogin accepts the user "default" with the password by one of the three ways of the
// interface: basic authentication, the X-ClickHouse headers or URL parameters.
func (g guard) checkLogin(r *http.Request, q url.Values) error {
	name, password := user, ""
	ways := 0
	if u, p, ok := r.BasicAuth(); ok {
		name, password = u, p
		ways++
	}
	if r.Header.Get("X-ClickHouse-User") != "" || r.Header.Get("X-ClickHouse-Key") != "" {
		name, password = or(r.Header.Get("X-ClickHouse-User"), user), r.Header.Get("X-ClickHouse-Key")
		ways++
	}
	if q.Has("user") || q.Has("password") {
		name, password = or(q.Get("user"), user), q.Get("password")
		ways++
	}
	if ways > 1 {
		return engine.NewException(516, "AUTHENTICATION_FAILED", "give the password one way: basic authentication, headers or URL parameters")
	}
	if name == user && equal(password, g.password) {
		return nil
	}
	return engine.NewException(516, "AUTHENTICATION_FAILED",
		fmt.Sprintf("%.64q: Authentication failed: password is incorrect, or there is no user with such name.", name))
}

// equal compares without telling by its duration how much was right.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
