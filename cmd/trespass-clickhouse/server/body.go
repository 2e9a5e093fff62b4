//go:build linux && amd64

package server

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/zstd"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
	"trespass.dev/trespass/cmd/trespass-clickhouse/statement"
)

// bodyReader returns the request's body without its compression.
func bodyReader(r *http.Request, framed bool) (io.Reader, error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return nil, engine.NewException(48, "NOT_IMPLEMENTED", "external tables (a multipart body) are not supported by the embedded engine")
	}
	body, err := decoded(r)
	if err != nil {
		return nil, err
	}
	if framed {
		body = newFrames(body)
	}
	return body, nil
}

func decoded(r *http.Request) (io.Reader, error) {
	switch encoding := r.Header.Get("Content-Encoding"); strings.ToLower(encoding) {
	case "", "identity":
		return r.Body, nil
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, cannotDecompress(err)
		}
		return z, nil
	case "deflate":
		z, err := zlib.NewReader(r.Body)
		if err != nil {
			return nil, cannotDecompress(err)
		}
		return z, nil
	case "zstd":
		z, err := zstd.NewReader(r.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxInsertBytes))
		if err != nil {
			return nil, cannotDecompress(err)
		}
		return z.IOReadCloser(), nil
	default:
		return nil, badArgument("Content-Encoding %.40q is not supported; use gzip, deflate, zstd, or the parameter decompress=1", encoding)
	}
}

// readStatement finds the statement of a request in its URL, its body or both, and returns
// the data of an INSERT as a reader. As on a server, a query in the URL is followed by a
// line end and the body.
func readStatement(query string, body io.Reader) (statement.Statement, io.Reader, error) {
	if query != "" {
		s, err := statement.Parse([]byte(query))
		if err == nil && s.Kind == statement.InsertData && s.Format != "Values" && len(bytes.TrimSpace([]byte(query[s.Data:]))) == 0 {
			return s, body, nil
		}
		query += "\n"
	}
	if len(query) > maxQueryBytes {
		return statement.Statement{}, nil, tooLong()
	}
	text := make([]byte, maxQueryBytes)
	copy(text, query)
	n, err := io.ReadFull(body, text[len(query):])
	complete := err == io.EOF || err == io.ErrUnexpectedEOF
	if err != nil && !complete {
		return statement.Statement{}, nil, cannotRead(err)
	}
	text = text[:len(query)+n]
	s, err := statement.Parse(text)
	if err == nil && s.Kind == statement.InsertData {
		return s, io.MultiReader(bytes.NewReader(text[s.Data:]), body), nil
	}
	if !complete {
		var one [1]byte
		if n, _ := io.ReadFull(body, one[:]); n > 0 {
			return s, nil, tooLong()
		}
	}
	return s, nil, err
}

func tooLong() error {
	return engine.NewException(62, "SYNTAX_ERROR", fmt.Sprintf("Max query size exceeded: the statement is longer than %d bytes", maxQueryBytes))
}

func cannotDecompress(err error) error {
	return engine.NewException(271, "CANNOT_DECOMPRESS", "the request's body: "+err.Error())
}

// cannotRead is for a body that ends early or is damaged. Errors of decompression say so
// themselves.
func cannotRead(err error) error {
	var e *engine.Exception
	if errors.As(err, &e) {
		return e
	}
	return engine.NewException(33, "CANNOT_READ_ALL_DATA", "reading the request's body: "+err.Error())
}
