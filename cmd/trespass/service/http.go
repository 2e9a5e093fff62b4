package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ErrNotOpen, returned by Serve's reload, says that the policy will be read again later.
var ErrNotOpen = errors.New("the sink is not open yet; the policy is read again once it is")

// Serve answers /metrics, /-/healthy, /-/ready and /-/reload until ctx ends. The address
// should be a private one: the answers name topics and partitions.
// ready is asked at each request, and gives a reason for each part. reload is called for
// each POST to /-/reload, but for those that a web page of another site has sent; nil
// turns it off.
func Serve(ctx context.Context, listen net.Listener, reg *prometheus.Registry, ready func() (bool, map[string]string), reload func() error) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "trespass is running")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		ok, parts := ready()
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(struct {
			Ready bool              `json:"ready"`
			Parts map[string]string `json:"parts"`
		}{ok, parts})
	})
	mux.Handle("POST /-/reload", http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if reload == nil {
			http.Error(w, "reloading over HTTP is off: set http.reload in trespass.yaml, or send SIGHUP", http.StatusForbidden)
			return
		}
		switch err := reload(); {
		case errors.Is(err, ErrNotOpen):
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		case err != nil:
			http.Error(w, "the old policy stays in force: "+err.Error(), http.StatusUnprocessableEntity)
		default:
			_, _ = fmt.Fprintln(w, "policy taken")
		}
	})))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(end)
	}()
	err := server.Serve(listen)
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics on %s: %w", listen.Addr(), err)
	}
	<-stopped
	return nil
}
