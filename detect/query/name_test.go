package query

import "testing"

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{
		"orders": "orders", "public.orders": "orders", `"public"."orders"`: "orders", `"orders"`: "orders", `public."Order"`: "Order",
		"app.orders": "app.orders", `"app"."orders"`: "app.orders", `app."Order"`: "app.Order",
		`"a.b"`: `"a.b"`, `public."a.b"`: `"a.b"`, `s."a.b"`: `s."a.b"`, `"a""b"`: `"a""b"`, "publicorders": "publicorders",
		"": "", `"`: `"`, `""`: `""`, ".": ".", "public.": "", "public": "public", `"public".`: "",
	} {
		if got := Canonical(name); got != want {
			t.Errorf("Canonical(%q) = %q, want %q", name, got, want)
		}
		if got := string(AppendCanonical(nil, name)); got != want {
			t.Errorf("AppendCanonical(%q) = %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct{ schema, name, want string }{{"", "orders", "orders"}, {"public", "Order", "Order"}, {"app", "a.b", `app."a.b"`}, {"", `a"b`, `"a""b"`}} {
		if got := canonicalParts(c.schema, c.name); got != c.want {
			t.Errorf("canonicalParts(%q, %q) = %q, want %q", c.schema, c.name, got, c.want)
		}
	}
}
