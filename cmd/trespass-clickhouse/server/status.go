//go:build linux && amd64

package server

import "net/http"

// httpStatus maps ClickHouse's error numbers as its own server does; what is not here is
// 500.
func httpStatus(code int) int {
	switch code {
	case 516, 497, 193, 194, 195:
		return http.StatusForbidden
	case 27, 33, 36, 41, 43, 46, 47, 53, 62, 63, 70, 72, 73, 115, 117, 130, 164, 170, 271, 372, 373, 456, 457:
		return http.StatusBadRequest
	case 16, 60, 81, 50:
		return http.StatusNotFound
	case 159:
		return http.StatusRequestTimeout
	case 48:
		return http.StatusNotImplemented
	case 202:
		return http.StatusServiceUnavailable
	case 241:
		return http.StatusInternalServerError
	case 396:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}
