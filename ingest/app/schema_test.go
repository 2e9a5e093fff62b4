package app

import (
	"testing"

	"trespass.dev/trespass/ingest/decode/decodetest"
)

func TestSchemaOfTheAccessEvent(t *testing.T) {
	decodetest.Schema(t, "testdata/access", "../../deploy/schema/access-event.v1.json",
		"too-deep.json", "too-many-keys.json", "half-surrogate-id.json")
}
