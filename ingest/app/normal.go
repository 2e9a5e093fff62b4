package app

import (
	"strings"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/jsonscan"
)

// withoutQuery gives the path of a request target or URL: no scheme, host, query or
// fragment. Queries carry search terms and tokens, and are never kept.
func withoutQuery(target string) string {
	if i := strings.IndexByte(target, '?'); i >= 0 {
		target = target[:i]
	}
	if i := strings.IndexByte(target, '#'); i >= 0 {
		target = target[:i]
	}
	if target == "" || target[0] == '/' {
		return target
	}
	if i := strings.Index(target, "://"); i >= 0 {
		rest := target[i+3:]
		if j := strings.IndexByte(rest, '/'); j >= 0 {
			return rest[j:]
		}
		return "/"
	}
	return target
}

// lastPart drops the regions that Vercel puts before an id: iad1::iad1::abcde-1 is
// the request abcde-1 wherever it is named.
func lastPart(id string) string {
	if strings.IndexByte(id, ':') < 0 {
		return id
	}
	if i := strings.LastIndex(id, "::"); i >= 0 {
		return id[i+2:]
	}
	return id
}

// traceID reads 32 hex digits; a W3C traceparent gives the trace id in it. Anything
// else says nothing.
func traceID(s *jsonscan.Scanner, field string) string {
	return traceOf(s.Text(field))
}

func traceOf(id string) string {
	if len(id) == 55 && id[2] == '-' && id[35] == '-' {
		id = id[3:35]
	}
	if len(id) != 32 || strings.Trim(id, "0") == "" {
		return ""
	}
	for i := range len(id) {
		if c := id[i]; c-'0' > 9 && c-'a' > 5 {
			if c-'A' > 5 {
				return ""
			}
			return strings.ToLower(id)
		}
	}
	return id
}

// cacheStatus reads the words of Vercel, Next.js, Cloudflare, nginx and Fastly. Of a
// list, the last word is that of the cache nearest to the client.
func cacheStatus(word string) detect.CacheStatus {
	if i := strings.LastIndexByte(word, ','); i >= 0 {
		word = strings.TrimSpace(word[i+1:])
	}
	is := func(w string) bool { return strings.EqualFold(word, w) }
	switch {
	case is("hit"), is("prerender"), is("revalidated"):
		return detect.CacheHit
	case is("stale"), is("updating"):
		return detect.CacheStale
	case is("miss"), is("expired"):
		return detect.CacheMiss
	case is("bypass"), is("dynamic"), is("none"):
		return detect.CacheBypass
	}
	return detect.CacheUnknown
}

// storable says whether Cache-Control lets a shared cache keep the response.
func storable(control string) detect.Tri {
	t := detect.Unknown
	for part := range strings.SplitSeq(control, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case strings.EqualFold(name, "private"), strings.EqualFold(name, "no-store"):
			return detect.No
		case strings.EqualFold(name, "public"), strings.EqualFold(name, "s-maxage"):
			t = detect.Yes
		}
	}
	return t
}

// browserAgent says whether a User-Agent is a browser's. Bots and tools that call
// themselves Mozilla too are told apart by what they add.
func browserAgent(agent string) detect.Tri {
	if agent == "" || agent[0] == '[' { // redacted
		return detect.Unknown
	}
	if !strings.HasPrefix(agent, "Mozilla/") {
		return detect.No
	}
	for _, tool := range [...]string{"bot", "Bot", "spider", "compatible;"} {
		if strings.Contains(agent, tool) {
			return detect.No
		}
	}
	return detect.Yes
}
